"""Whole runs on a tiny data set: files, events, schedules, and what happens when something goes wrong."""

from __future__ import annotations

import errno
import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from train_helpers import make_data, settings, weights_of

from ultralytics import YOLO
from ultralytics.data.samplers import SampleRef
from ultralytics.engine import trainer as trainer_module
from ultralytics.engine.train import setup
from ultralytics.engine.train.mode import Precision
from ultralytics.models.yolo.detect.train import DetectionTrainer
from ultralytics.nn.weights.checkpoint import load_checkpoint, torch_safe_load
from ultralytics.utils.callbacks import get_default_callbacks


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp("shapes"))


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # what the trainer goes by; the tensors are tiny


@pytest.fixture
def run(data, tmp_path):
    """Return a function that trains and returns the trainer; events are recorded in `trainer.seen`."""

    def go(prepare=None, cls=DetectionTrainer, **changes):
        trainer = cls(overrides=settings(data, tmp_path, **changes))
        trainer.seen = []
        for event in get_default_callbacks():
            trainer.add_callback(event, lambda t, event=event: trainer.seen.append(event))
        if prepare:
            prepare(trainer)
        trainer.train()
        return trainer

    return go


# Files and events -----------------------------------------------------------------------------------------------------


def test_run_writes_its_files(run, tmp_path):
    t = run(plots=True, epochs=2, close_mosaic=1, save_period=1)
    assert t.save_dir == tmp_path / "run" or t.save_dir.name == "run"
    names = {str(p.relative_to(t.save_dir)) for p in t.save_dir.rglob("*") if p.is_file()}
    expected = {"args.yaml", "results.csv", "results.png", "labels.jpg", "train_batch0.jpg", "train_batch2.jpg"}
    expected |= {"train_batch3.jpg"} | {f"weights/{n}.pt" for n in ("last", "best", "epoch0", "epoch1")}
    assert expected <= names
    header, *rows = (t.save_dir / "results.csv").read_text().splitlines()
    assert header == (
        "epoch,time,train/box_loss,train/cls_loss,train/dfl_loss,metrics/precision(B),metrics/recall(B),"
        "metrics/mAP50(B),metrics/mAP50-95(B),val/box_loss,val/cls_loss,val/dfl_loss,lr/pg0,lr/pg1,lr/pg2"
    )
    assert [row.split(",")[0] for row in rows] == ["1", "2"]
    assert not list(t.save_dir.rglob("*.tmp"))


def one_split(data: Path, folder: Path, split: str) -> Path:
    """A description of the same data set that has one split only, with an empty key for the other."""
    other = {"train": "val", "val": "train"}[split]
    text = f"path: {data.parent}\n{split}: images/{split}\n{other}:\nnames: {{0: red, 1: green}}\n"
    (folder / f"{split}.yaml").write_text(text)
    return folder / f"{split}.yaml"


def test_training_without_pictures_to_validate_on(run, data, tmp_path):
    t = run(data=str(one_split(data, tmp_path, "train")), val=False)
    assert t.test_loader is None and not any("val" in event for event in t.seen)
    assert (t.wdir / "best.pt").exists() and torch_safe_load(t.wdir / "last.pt")[0]["epoch"] == -1
    header = (t.save_dir / "results.csv").read_text().splitlines()[0]
    assert "train/box_loss" in header and "metrics" not in header
    with pytest.raises(ValueError, match=r"neither 'val:' nor 'test:'.*val=False"):
        run(data=str(one_split(data, tmp_path, "train")))


def test_a_description_for_validation_only(data, tmp_path, run):
    file = str(one_split(data, tmp_path, "val"))
    found = YOLO(str(data.with_name("net.yaml"))).val(
        data=file, imgsz=64, device="cpu", plots=False, workers=0, project=str(tmp_path)
    )
    assert set(found.results_dict) >= {"metrics/mAP50(B)"}
    with pytest.raises(ValueError, match="no 'train:' images"):
        run(data=file)


def test_events_come_in_the_documented_order(run):
    t = run(epochs=1, batch=6)
    batch, val = (
        ["on_train_batch_start", "on_train_batch_end"],
        ["on_val_start", "on_val_batch_start", "on_val_batch_end"],
    )
    assert t.seen == [
        "on_pretrain_routine_end",  # the start event fires in the constructor
        "on_train_start",
        "on_train_epoch_start",
        *batch * 2,
        "on_train_epoch_end",
        *val,
        "on_val_end",
        "on_model_save",
        "on_fit_epoch_end",
        *val,
        "on_val_end",
        "on_fit_epoch_end",
        "on_train_end",
        "teardown",
    ]


def test_constructor_fires_the_start_event_and_teardown_follows_errors(data, tmp_path):
    seen = []
    callbacks = get_default_callbacks()
    callbacks["on_pretrain_routine_start"].append(lambda t: seen.append("start"))
    callbacks["teardown"].append(lambda t: seen.append("teardown"))

    def broken(t):
        raise ZeroDivisionError("from a callback")

    callbacks["on_train_epoch_start"].append(broken)
    trainer = DetectionTrainer(overrides=settings(data, tmp_path), _callbacks=callbacks)
    with pytest.raises(ZeroDivisionError, match="from a callback"):
        trainer.train()
    assert seen == ["start", "teardown"]


def test_stripped_checkpoints_have_the_public_keys(run):
    t = run(epochs=1)
    checkpoint, _ = torch_safe_load(t.last)
    assert checkpoint["epoch"] == -1 and checkpoint["optimizer"] is None and checkpoint["ema"] is None
    assert "continuation" not in checkpoint
    assert next(checkpoint["model"].parameters()).dtype == torch.float16
    assert checkpoint["train_args"]["imgsz"] == 64 and checkpoint["train_results"]["epoch"] == [1]
    assert {"date", "version", "git", "license", "docs", "train_metrics"} <= set(checkpoint)
    assert checkpoint["model"].names == {0: "red", 1: "green"}


def test_checkpoint_of_a_running_training(run):
    held = {}
    t = run(lambda t: t.add_callback("on_model_save", lambda t: held.update(torch_safe_load(t.last)[0])), epochs=1)
    assert held["model"] is None and held["epoch"] == 0 and held["updates"] == t.ema.updates
    assert next(held["ema"].parameters()).dtype == torch.float32 and not getattr(held["ema"], "criterion", None)
    assert held["stopper"].keys() == {"best_fitness", "best_epoch"}
    assert held["train_metrics"]["fitness"] == held["best_fitness"]
    assert held["continuation"]["batch"] == 4 and held["continuation"]["epoch"] == 0


def test_two_runs_never_share_a_folder(run):
    first, second = run(epochs=1), run(epochs=1)
    assert (first.save_dir.name, second.save_dir.name) == ("run", "run-2")


def test_live_run_refuses_a_second_one_in_its_folder(data, tmp_path):
    first = DetectionTrainer(overrides=settings(data, tmp_path))
    with pytest.raises(RuntimeError, match="Another training run is writing into"):
        DetectionTrainer(overrides=settings(data, tmp_path, exist_ok=True))
    first._release()


def test_nothing_is_saved_before_the_end_with_save_off(run):
    counts = Counter()
    t = run(lambda t: t.add_callback("on_fit_epoch_end", lambda t: counts.update([t.last.exists()])), save=False)
    assert t.last.exists() and counts[False] == 1


# The recipe -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sgd_linear", "sgd_cos", "auto_short", "adamw_nowarm", "musgd"])
def test_loop_follows_the_recorded_runs(golden, run, name):
    """Rates, momentum, accumulation and optimizer steps of a real loop against those of the published package."""
    g = golden("schedules")
    meta = g.meta[f"loop.{name}"]
    rows = []

    def record(t):
        pairs = [(q["lr"], q["momentum"] if "momentum" in q else q["betas"][0]) for q in t.optimizer.param_groups]
        rows.append([t.epoch, t.iteration, t.accumulate, t.ema.updates, *(v for pair in pairs for v in pair)])

    def prepare(t):
        t.data["nc"] = 3 if name == "auto_short" else t.data["nc"]  # the recorded data set had three classes
        t.get_model = lambda **kwargs: tiny_model(t, **kwargs)
        t.add_callback("on_train_batch_end", record)

    options = {"val": False, "imgsz": 32, "nbs": 64, "optimizer": "SGD", **meta["settings"]}
    run(prepare, **options)
    np.testing.assert_allclose(rows, g[f"loop.{name}"], atol=1e-9)


def tiny_model(t, cfg=None, weights=None, verbose=True):
    from ultralytics.nn.models import DetectionModel

    return DetectionModel(cfg, nc=t.data["nc"], verbose=False)


def test_mosaic_closes_by_epoch(run):
    seen = []

    def note(t):
        dataset = t.train_loader.dataset
        seen.append((t.epoch, dataset._mixing_closed(SampleRef(0, t.epoch))))

    run(lambda t: t.add_callback("on_train_epoch_end", note), epochs=3, close_mosaic=2, val=False)
    assert seen == [(0, False), (1, True), (2, True)]
    seen.clear()
    run(lambda t: t.add_callback("on_train_epoch_end", note), epochs=1, close_mosaic=0, val=False)
    assert seen == [(0, False)]


def test_multi_scale_changes_sizes_within_its_range(run):
    sizes = []
    run(
        lambda t: t.add_callback("on_train_batch_end", lambda t: sizes.append(t.batch["img"].shape[2:])),
        multi_scale=0.5,
        epochs=4,
    )
    assert {tuple(s) for s in sizes} <= {(32, 32), (64, 64), (96, 96)} and len(set(sizes)) > 1


def test_image_size_is_rounded_up(run, capsys):
    t = run(epochs=1, imgsz=50)
    assert t.args.imgsz == 64 and "64" in capsys.readouterr().out


def test_frozen_layers_keep_weights_and_statistics(run):
    def prepare(t):
        t.add_callback("on_train_start", lambda t: setattr(t, "before", weights_of(t.model)))
        t.add_callback("on_train_end", lambda t: setattr(t, "after", weights_of(t.model)))

    t = run(prepare, freeze=2, epochs=1)
    changed = {n.split(".")[1] for n in t.before if not torch.equal(t.before[n], t.after[n])}
    assert not changed & {"0", "1"} and changed >= {"2", "3", "4"}


def test_early_stopping(run):
    class Falling(DetectionTrainer):
        def validate(self):
            metrics, _ = super().validate()
            self.best_fitness = 1.0
            return metrics, 1.0 - 0.1 * self.epoch

    t = run(cls=Falling, epochs=10, patience=2)
    assert t.epoch == 3 and t.stop and t.stopper.best_epoch == 1  # epoch was counted on for the final validation


def test_time_limit_ends_the_run(run):
    t = run(epochs=50, time=1e-6)
    assert t.epochs < 50 and t.progress.epoch == 0


def test_class_weights_follow_frequency(run):
    t = run(epochs=1, cls_pw=1.0)
    counts = t.get_class_counts()
    weights = t.model.class_weights
    assert weights.mean() == pytest.approx(1) and (weights[0] > weights[1]) == (counts[0] < counts[1])
    assert t.compute_class_weights(np.array([4, 0])).tolist() == [1.0, 1.0]


def test_bfloat16_training_keeps_float32_master_weights(run):
    dtypes = Counter()

    def record(t):
        dtypes.update(p.dtype for p in t.model.parameters())

    t = run(lambda t: t.add_callback("on_train_batch_end", record), amp="bf16", epochs=1)
    assert set(dtypes) == {torch.float32} and t.precision.dtype == "bfloat16" and t.amp
    assert math.isfinite(float(sum(t.tloss.values())))


def test_a_lent_core_is_given_up(run, capsys):
    """Steps that take much longer than one thread less took in the self-check."""

    def prepare(t):
        fast = Precision(threads=2, spare_s=1e-6)
        t.add_callback("on_train_start", lambda t: t.set_precision(fast))
        t.add_callback("on_model_save", lambda t: modes.append(t.precision.threads))

    modes = []
    t = run(prepare, epochs=2)
    assert modes == [1, 1] and t.progress.precision["threads"] == 1
    assert capsys.readouterr().out.count("another program needs the processor") == 1


def test_losses_given_as_tensor_are_named():
    t = DetectionTrainer.__new__(DetectionTrainer)
    t.loss_names = DetectionTrainer.spec.loss_names
    got = t.label_loss_items(torch.tensor([1.0, 2.0, 3.123456789]))
    assert got == {"train/box_loss": 1.0, "train/cls_loss": 2.0, "train/dfl_loss": 3.12346}
    assert t.label_loss_items(prefix="val") == ["val/box_loss", "val/cls_loss", "val/dfl_loss"]


def test_weights_of_another_run_are_taken_over(run):
    first = run(epochs=1)
    model, _ = load_checkpoint(first.best)
    t = run(
        lambda t: t.add_callback("on_train_start", lambda t: setattr(t, "start", weights_of(t.model))),
        model=str(first.best),
        epochs=1,
    )
    assert all(torch.equal(t.start[k], v) for k, v in model.state_dict().items() if v.is_floating_point())


# When something goes wrong --------------------------------------------------------------------------------------------


def test_full_disk_leaves_the_old_checkpoint_and_goes_on(run, monkeypatch, capsys):
    save = trainer_module.save_checkpoint
    calls = Counter()

    def failing(content, *paths):
        calls["n"] += 1
        if calls["n"] == 2:
            before = Path(paths[-1]).read_bytes()
            calls["kept"] = int(before == Path(paths[-1]).read_bytes())
            raise OSError(errno.ENOSPC, "disk full, file left as it was", str(paths[-1]))
        save(content, *paths)

    monkeypatch.setattr(trainer_module, "save_checkpoint", failing)
    t = run(epochs=3)
    assert calls["kept"] and t.seen.count("on_model_save") == 2
    out = capsys.readouterr().out
    assert "epoch 2 could not be saved" in out and "last.pt" in out and "disk full" in out


def test_disk_that_stays_full_ends_with_the_reason(run, monkeypatch):
    def failing(content, *paths):
        raise OSError(errno.ENOSPC, "disk full, file left as it was", str(paths[-1]))

    monkeypatch.setattr(trainer_module, "save_checkpoint", failing)
    with pytest.raises(OSError, match=r"disk full.*last\.pt"):
        run(epochs=1)


def poisoned(at, times=1):
    """Return a trainer class whose weights and losses are no numbers in epoch `at`, `times` times."""

    class Poisoned(DetectionTrainer):
        left = times

        def progress_string(self):
            if self.epoch == at and type(self).left:
                type(self).left -= 1
                with torch.no_grad():
                    self.model.model[0].conv.weight.fill_(math.nan)
            return super().progress_string()

    return Poisoned


def test_loss_that_is_no_number_goes_back_and_lowers_the_rate(run, capsys):
    t = run(cls=poisoned(2), epochs=4)
    assert t.progress.recoveries == 1 and t.progress.lr_scale == 0.5 and t.progress.epoch == 3
    assert all(torch.isfinite(p).all() for p in t.model.parameters())
    assert t.read_results_csv()["epoch"] == [1, 2, 3, 4]
    assert "going back to the last checkpoint" in capsys.readouterr().out


def test_mixed_precision_is_given_up_first(run):
    t = run(cls=poisoned(1), epochs=2, amp="bf16")
    assert t.precision == Precision("float32", False, 1, t.precision.note) and t.progress.lr_scale == 1.0


def test_loss_that_stays_no_number_is_an_error(run):
    with pytest.raises(RuntimeError, match="training failed: loss is not a number in epoch 2"):
        run(cls=poisoned(1, times=9), epochs=3)


def test_out_of_memory_halves_the_batch_and_starts_the_epoch_again(run, capsys):
    class Greedy(DetectionTrainer):
        def preprocess_batch(self, batch):
            if len(batch["img"]) > 2 and self.iteration == 1:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().preprocess_batch(batch)

    t = run(cls=Greedy, epochs=2, batch=8)
    plain = run(epochs=2, batch=2)
    assert t.batch_size == t.args.batch == t.progress.batch == 2 and len(t.train_loader) == 6
    assert "trying batch=4" in capsys.readouterr().out
    a, b = (load_checkpoint(x.last)[0].state_dict() for x in (t, plain))
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_other_errors_go_up(run):
    class Wrong(DetectionTrainer):
        def preprocess_batch(self, batch):
            raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        run(cls=Wrong)


def test_interrupt_says_how_to_go_on(run, capsys):
    def stop(t):
        if t.epoch == 1:
            raise KeyboardInterrupt

    seen = []
    with pytest.raises(KeyboardInterrupt):
        run(lambda t: (seen.append(t), t.add_callback("on_train_batch_end", stop)), epochs=3)
    out = capsys.readouterr().out
    assert "interrupted in epoch 2" in out and "1 finished epochs" in out
    assert f"yolo train resume model={seen[0].last}" in out
    again = DetectionTrainer(overrides={"resume": str(seen[0].last)})
    again.train()
    assert again.save_dir == seen[0].save_dir and again.start_epoch == 1
    assert again.log.as_columns()["epoch"] == [1, 2, 3]


@pytest.mark.parametrize(("remap", "bias"), [(True, [2.0, 1.0]), (False, [1.0, 2.0])])
def test_classifier_rows_follow_their_names_unless_told_not_to(data, tmp_path, remap, bias):
    trainer = DetectionTrainer(overrides=settings(data, tmp_path, cls_remap=remap))
    trainer._release()
    first, second = trainer.data["names"].values()
    source = trainer.get_model(trainer.args.model, verbose=False)
    source.names = {0: second, 1: first}
    with torch.no_grad():
        source.model[-1].cv3[0][-1].bias.copy_(torch.tensor([1.0, 2.0]))
    model = trainer.get_model(trainer.args.model, source, verbose=False)
    assert model.model[-1].cv3[0][-1].bias.tolist() == bias
    assert model.names == (trainer.data["names"] if remap else source.names)  # what the rows are at this point


def test_missing_data_is_a_clear_error(data, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.yaml"):
        DetectionTrainer(overrides=settings(data, tmp_path, data="nowhere.yaml"))


def test_frozen_everything_is_an_error(run):
    with pytest.raises(RuntimeError, match="leaves no parameter"):
        run(freeze=6)


@pytest.mark.parametrize(("key", "value"), [("distill_model", "yolov8x.pt"), ("quantize", 8)])
def test_arguments_of_features_not_built_are_refused(data, tmp_path, key, value):
    with pytest.raises(NotImplementedError, match=key):
        DetectionTrainer(overrides=settings(data, tmp_path, **{key: value}))


def test_several_data_sets_are_trained_one_after_the_other(data, tmp_path):
    other = make_data(tmp_path / "other", train=4, seed=1)
    args = settings(data, tmp_path / "runs", epochs=1, plots=True, name=None) | {"data": [str(data), str(other)]}
    series = trainer_module.MultiTrainer(DetectionTrainer, args)
    metrics = series.train()
    assert list(metrics) == ["data", "data-2"] and series.save_dir == tmp_path / "runs" / "multitrain"
    table = json.loads((series.save_dir / "multitrain_results.json").read_text())
    assert table["results"] == metrics
    assert table["mean"]["fitness"] == pytest.approx(np.mean([m["fitness"] for m in metrics.values()]))
    assert (series.save_dir / "data-2" / "weights" / "best.pt").is_file()
    assert (series.save_dir / "multitrain_results.png").is_file()
    with pytest.raises(ValueError, match="takes a list"):
        trainer_module.MultiTrainer(DetectionTrainer, {"data": "one.yaml"})


def test_compiled_network_trains_and_failures_are_survived(run, monkeypatch, capsys):
    class Broken(nn.Module):
        def forward(self, images):
            raise RuntimeError("no compiler")

    calls = Counter()

    def counted(model, device, mode):
        def forward(images):
            calls["n"] += 1
            return model(images)

        return forward

    monkeypatch.setattr(setup, "attempt_compile", counted)
    compiled, plain = run(compile=True, epochs=1), run(epochs=1)
    assert calls["n"] == 3
    a, b = (load_checkpoint(t.last)[0].state_dict() for t in (compiled, plain))
    assert all(torch.equal(a[k], b[k]) for k in a)
    monkeypatch.setattr(setup, "attempt_compile", lambda *args, **kwargs: Broken())
    assert run(compile=True, epochs=1, profile=True).compiled is None
    text = capsys.readouterr().out
    assert "torch.compile failed" in text
    assert text.count("has no effect") == 1 and "profile=True has no effect in train" in text


def test_base_class_names_what_is_missing(data, tmp_path):
    t = trainer_module.BaseTrainer(overrides=settings(data, tmp_path))
    with pytest.raises(NotImplementedError, match="get_model"):
        t.train()
    assert isinstance(t.data, dict) and not isinstance(t.model, nn.Module)


# Small things ---------------------------------------------------------------------------------------------------------


def test_layers_may_be_unfrozen_by_a_callback(run):
    def unfreeze(t):
        if t.epoch == 1:
            t.model.requires_grad_(True)

    def prepare(t):
        t.add_callback("on_train_epoch_start", unfreeze)
        t.add_callback("on_train_start", lambda t: setattr(t, "before", t.model.model[0].conv.weight.clone()))

    t = run(prepare, freeze=2, epochs=2, val=False, warmup_epochs=0.0)
    assert not torch.equal(t.before, t.model.model[0].conv.weight)


@pytest.fixture
def five(tmp_path):
    return make_data(tmp_path / "five", train=5)


def test_a_last_batch_of_one_picture_joins_the_one_before(five, tmp_path):
    """At 32 pixels the deepest map of this network is one value per channel."""
    deep = five.with_name("deep.yaml")
    deep.write_text(five.with_name("net.yaml").read_text().replace("  - [-1, 1, Conv, [8, 3, 2]]\n", DEEPER, 1))

    def sizes(**changes):
        trainer = DetectionTrainer(overrides={**settings(five, tmp_path, epochs=1, val=False, batch=2), **changes})
        trainer.train()
        return [len(part) for part, _ in trainer.train_loader.batch_sampler.batches(0)]

    assert sizes(model=str(deep), imgsz=32) == [2, 3]
    assert sizes(model=str(deep), imgsz=64) == sizes(imgsz=32) == [2, 2, 1], "one picture is enough there"
    with pytest.raises(ValueError, match=r"batch of one picture at imgsz=32.*Use batch=2 or more"):
        sizes(model=str(deep), imgsz=32, batch=1)


DEEPER = "  - [-1, 1, Conv, [8, 3, 2]]\n  - [-1, 1, Conv, [8, 3, 2]]\n"


def test_a_single_class_has_a_head_of_one(run):
    t = run(epochs=1, single_cls=True)
    model, _ = load_checkpoint(t.best)
    assert model.names == {0: "item"} and model.model[-1].nc == 1 and t.data["nc"] == 1
    assert t.validator.metrics.nt_per_class.tolist() == [8], "all labels of both classes"
