"""What overrides of the trainer's methods change: a small subclass each, in runs of a second."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch
from override_cases import InProcesses, covers
from torch.optim.lr_scheduler import LambdaLR
from train_helpers import make_data, settings

from ultralytics import YOLO
from ultralytics.engine.train import recovery
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.nn.weights.checkpoint import load_checkpoint, torch_safe_load


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp("shapes"))


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def train(data, tmp_path):
    def go(cls, **changes):
        trainer = cls(overrides=settings(data, tmp_path, **{"epochs": 1, "val": False, "batch": 6, **changes}))
        trainer.train()
        return trainer

    return go


@covers("Trainer", "_setup_train _build_train_pipeline _setup_scheduler _get_warmup_iterations build_optimizer")
def test_setup_of_training(train):
    class Mine(DetectionTrainer):
        def build_optimizer(self, model, **kwargs):
            return super().build_optimizer(model, **{**kwargs, "name": "RMSProp"})

        def _build_train_pipeline(self):
            super()._build_train_pipeline()
            self.accumulate = 2

        def _setup_scheduler(self):
            self.lf = lambda epoch: 0.5
            self.scheduler = LambdaLR(self.optimizer, self.lf)

        def _get_warmup_iterations(self, num_batches):
            assert num_batches == 2
            return 0

        def _setup_train(self):
            super()._setup_train()
            self.ema.updates = 100

    t = train(Mine, lr0=0.02, epochs=2)
    assert isinstance(t.optimizer, torch.optim.RMSprop) and set(t.lr.values()) == {0.01}
    assert t.plan.warmup == 0 and t.ema.updates == 102, "two steps of two batches each"


@covers("Trainer", "get_dataset setup_model get_model set_model_names_for_load set_model_attributes set_class_weights")
@covers("Trainer", "get_class_counts compute_class_weights get_dataloader build_dataset auto_batch __init__")
def test_parts_of_training(train):
    class Mine(DetectionTrainer):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.loaders = []

        def get_dataset(self):
            return {**super().get_dataset(), "names": {0: "rot", 1: "gruen"}}

        def setup_model(self):
            found = super().setup_model()
            self.model.built_by = type(self).__name__
            return found

        def set_model_names_for_load(self, model):
            model.named = True
            return super().set_model_names_for_load(model)

        def get_model(self, cfg=None, weights=None, verbose=True):
            model = super().get_model(cfg, weights, verbose)
            model.mine = True
            return model

        def set_model_attributes(self):
            super().set_model_attributes()
            self.model.names = {i: name.upper() for i, name in self.model.names.items()}

        def get_class_counts(self):
            return np.array([1, 16])

        def compute_class_weights(self, class_counts):
            assert class_counts.tolist() == [1, 16]
            return super().compute_class_weights(class_counts) * 10

        def set_class_weights(self):
            super().set_class_weights()
            self.weights = self.model.class_weights.tolist()

        def build_dataset(self, img_path, mode="train", batch=None):
            dataset = super().build_dataset(img_path, mode, batch)
            dataset.mine = mode
            return dataset

        def get_dataloader(self, dataset_path, batch_size=16, rank=0, mode="train"):
            self.loaders.append((batch_size, mode))
            return super().get_dataloader(dataset_path, batch_size, rank, mode)

        def auto_batch(self):
            return 3

    t = train(Mine, batch=-1, cls_pw=0.5)
    model = t.model
    assert model.mine and model.named and model.built_by == "Mine" and model.names == {0: "ROT", 1: "GRUEN"}
    assert t.batch_size == 3 and t.loaders == [(3, "train"), (6, "val")] and t.train_loader.dataset.mine == "train"
    assert t.weights == pytest.approx([16.0, 4.0])


@covers("Trainer", "_model_train preprocess_batch optimizer_step _get_memory _clear_memory progress_string")
@covers("Trainer", "label_loss_items plot_training_samples plot_training_labels _close_dataloader_mosaic on_plot")
@covers("Trainer", "run_callbacks add_callback set_callback")
def test_an_epoch(train, monkeypatch, caplog):
    freed = Counter()
    monkeypatch.setattr(recovery, "free_memory", lambda device: freed.update(["free"]))

    class Mine(DetectionTrainer):
        done = ()

        def _model_train(self):
            super()._model_train()
            self.model.model[0].eval()

        def preprocess_batch(self, batch):
            assert not self.model.model[0].training and self.model.model[1].training
            return {**super().preprocess_batch(batch), "mine": True}

        def optimizer_step(self):
            assert self.batch["mine"]
            self.optimizer.zero_grad()
            self.done += ("step",)

        def _get_memory(self, fraction=False):
            return 0.9 if fraction else 77.0

        def _clear_memory(self, threshold=None):
            self.done += (threshold,)
            super()._clear_memory(threshold)

        def progress_string(self):
            return "MY HEAD"

        def label_loss_items(self, loss_items=None, prefix="train"):
            found = super().label_loss_items(loss_items, prefix)
            return {f"my/{key}": value for key, value in found.items()} if loss_items is not None else found

        def plot_training_samples(self, batch, ni):
            self.done += (f"samples {ni}",)

        def plot_training_labels(self):
            self.on_plot("labels")

        def on_plot(self, name, data=None):
            self.done += (f"plot {name}",)

        def _close_dataloader_mosaic(self):
            self.done += ("close",)

        def run_callbacks(self, event):
            self.done += (event,) * (event == "on_train_start")

    t = train(Mine, plots=True, close_mosaic=1)
    assert "MY HEAD" in caplog.text and {"step", "samples 0", "plot labels", "close", "on_train_start"} <= set(t.done)
    assert t.done.count(0.5) == 2 and t.done.count(None) == 1 and freed["free"] == 3
    assert t.ema.updates == 0 and t.train_loader.dataset._mixing_closed(None) is False
    assert all(name.startswith("my/") for name in t.read_results_csv() if "_loss" in name)
    t.set_callback("on_train_end", print)
    t.add_callback("on_train_end", repr)
    assert t.callbacks["on_train_end"] == [print, repr]


@covers(
    "Trainer", "get_validator validate save_metrics read_results_csv save_model plot_metrics final_eval train _do_train"
)
def test_results_of_training(data, tmp_path):
    class Mine(DetectionTrainer):
        done = ()

        def train(self):
            super().train()
            self.done += ("trained",)

        def _do_train(self):
            super()._do_train()
            self.done += ("done",)

        def get_validator(self):
            validator = super().get_validator()
            validator.mine = True
            return validator

        def validate(self):
            assert self.validator.mine
            return {"metrics/mine": 0.25}, 0.75

        def save_metrics(self, metrics):
            super().save_metrics({**metrics, "extra": 3})

        def read_results_csv(self):
            return {**super().read_results_csv(), "read": [1]}

        def save_model(self):
            super().save_model()
            return self.epoch > 0

        def plot_metrics(self):
            self.done += ("plotted",)

        def final_eval(self):
            self.done += ("evaluated",)

    saved = []
    model = YOLO(str(data.with_name("net.yaml")))
    model.add_callback("on_model_save", lambda t: saved.append(t.epoch))
    model.train(trainer=Mine, **settings(data, tmp_path, plots=True))
    t = model.trainer
    assert t.done == ("plotted", "evaluated", "done", "trained") and t.fitness == 0.75 and saved == [1]
    header = (t.save_dir / "results.csv").read_text().splitlines()[0]
    assert "metrics/mine" in header and header.endswith(",extra")
    checkpoint, _ = torch_safe_load(t.last)
    assert checkpoint["train_results"]["read"] == [1] and checkpoint["train_results"]["extra"] == [3, 3]


@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")
def test_a_loop_of_somebodys_own(train):
    """The parts of a run serve another loop as well: the attributes that scripts read are there."""

    class Mine(DetectionTrainer):
        def _do_train(self):
            self._setup_train()
            for epoch in range(self.start_epoch, self.epochs):
                self.epoch = epoch
                self._model_train()
                self.scheduler.step()
                for i, batch in enumerate(self.train_loader):
                    with torch.autocast(self.device.type, enabled=self.amp):
                        batch = self.preprocess_batch(batch)
                        loss, self.loss_items = self.model(batch)
                    self.loss = loss.sum()
                    self.tloss = self.loss_items
                    self.scaler.scale(self.loss).backward()
                    if (i + 1) % self.accumulate == 0:
                        self.optimizer_step()
                self.ema.update_attr(self.model, include=["yaml", "nc", "args", "names", "stride"])
                self.metrics, self.fitness = self.validate()
                if not self.resume and self.world_size <= 1 and not self.ddp:
                    self.save_metrics(metrics={**self.label_loss_items(self.tloss), **self.metrics})
                    self.save_model()
                if self.stopper(self.epoch + 1, self.fitness) or self.nan_recovery_attempts > 3:
                    break
            self.final_eval()

    t = train(Mine, epochs=2, nbs=6)
    assert t.best.is_file() and t.read_results_csv()["epoch"] == [1, 2] and t.ema.updates == 4
    assert torch_safe_load(t.last)[0]["train_results"]["epoch"] == [1, 2]


@covers("Trainer", "check_resume resume_training _load_checkpoint_state")
def test_resuming(train, tmp_path):
    class Stop(Exception):
        pass

    class Stopping(DetectionTrainer):
        def save_metrics(self, metrics):
            super().save_metrics(metrics)
            if self.epoch == 1:
                raise Stop

    class Mine(DetectionTrainer):
        def check_resume(self, overrides):
            super().check_resume(overrides)
            self.args.patience = 5

        def resume_training(self, ckpt):
            super().resume_training(ckpt)
            self.resumed_at = self.start_epoch

        def _load_checkpoint_state(self, ckpt):
            super()._load_checkpoint_state(ckpt)
            self.best_fitness = 0.99

    with pytest.raises(Stop):
        train(Stopping, epochs=3)
    t = Mine(overrides={"resume": str(next(tmp_path.rglob("last.pt")))})
    assert t.resume and t.args.patience == 5
    t.train()
    assert t.resumed_at == 1 and t.best_fitness == 0.99 and t.stopper.patience == 5 and t.progress.epoch == 2


@covers("Trainer", "_handle_nan_recovery")
def test_recovery(train, caplog):
    class Mine(DetectionTrainer):
        begun = ()

        def _model_train(self):
            super()._model_train()
            self.begun += (self.epoch,)

        def preprocess_batch(self, batch):
            batch = super().preprocess_batch(batch)
            return {**batch, "img": batch["img"] * math.nan} if len(self.begun) == 2 else batch

        def _handle_nan_recovery(self, epoch):
            bad = not math.isfinite(sum(self.tloss.values()))
            if bad:
                self.resume_training(load_checkpoint(self.last)[1])
            return bad

    t = train(Mine, epochs=3, warmup_epochs=0.0)
    assert t.begun == (0, 1, 1, 2) and t.progress.recoveries == 0
    assert "going back" not in caplog.text

    class Never(Mine):
        def _handle_nan_recovery(self, epoch):
            return False

    assert train(Never, epochs=3, warmup_epochs=0.0).begun == (0, 1, 2)


@covers("Trainer", "_setup_ddp")
@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch without distributed")
def test_overrides_in_training_processes(data, tmp_path):
    options = settings(data, tmp_path, epochs=1, val=False, device="cpu,cpu")
    t = InProcesses(overrides=options)
    t.train()
    made = {path.name: path.read_text() for path in tmp_path.glob("*.txt")}
    assert {f"{word}-{rank}.txt" for word in ("joined", "set-up") for rank in (0, 1)} <= set(made)
    assert set(made.values()) == {"2\n"} and "warmup-1003-0.txt" in made
    assert t.csv.read_text().splitlines()[0].endswith(",mine")
