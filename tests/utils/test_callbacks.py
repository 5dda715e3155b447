from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch

from ultralytics.utils import callbacks
from ultralytics.utils.callbacks import (
    EVENTS,
    add_integration_callbacks,
    base,
    default,
    get_default_callbacks,
    integration,
)
from ultralytics.utils.callbacks.clearml import ClearML
from ultralytics.utils.callbacks.comet import Comet, image_annotations
from ultralytics.utils.callbacks.dvc import DVCLive, pairs_of
from ultralytics.utils.callbacks.integration import Integration
from ultralytics.utils.callbacks.mlflow import MLflow
from ultralytics.utils.callbacks.raytune import RayTune
from ultralytics.utils.callbacks.tensorboard import TensorBoard
from ultralytics.utils.callbacks.wb import WeightsAndBiases, curve_rows


class FakeTrainer:
    """The attributes that loggers read."""

    def __init__(self, folder: Path):
        self.callbacks = get_default_callbacks()
        self.save_dir = folder
        self.best, self.last = folder / "best.pt", folder / "last.pt"
        self.args = SimpleNamespace(project="a/b", name="run", imgsz=32, epochs=2)
        self.model = torch.nn.Conv2d(3, 2, 1)
        self.data = {"names": {0: "a"}}
        self.epoch = 0
        self.tloss = torch.tensor([1.0, 2.0])
        self.lr = {"lr/pg0": 0.01}
        self.epoch_time = 1.5
        self.train_loader = [0, 1, 2]
        self.csv = folder / "results.csv"
        self.metrics = {"metrics/mAP50(B)": np.float64(0.5), "val/box_loss": 1.5}
        picture = folder / "results.png"
        self.plots = {picture: {}, folder / "missing.png": {}}
        picture.write_bytes(b"x")
        self.best.write_bytes(b"w")
        (folder / "args.yaml").write_text("a: 1")
        curves = [[np.linspace(0, 1, 3), np.ones((2, 3)), "Recall", "Precision"]]
        self.validator = SimpleNamespace(
            plots={folder / "val_batch0_pred.jpg": {}},
            save_dir=folder,
            names={0: "a"},
            metrics=SimpleNamespace(curves=["Precision-Recall(B)"], curves_results=curves, names={0: "a", 1: "b"}),
            confusion_matrix=SimpleNamespace(matrix=np.eye(2)),
        )
        (folder / "val_batch0_pred.jpg").write_bytes(b"x")

    def model_facts(self):
        return {"model/parameters": 8, "model/GFLOPs": 0.1, "model/speed_PyTorch(ms)": 1.0}

    def label_loss_items(self, items, prefix="train"):
        return {f"{prefix}/box_loss": items[0], f"{prefix}/cls_loss": items[1]}

    def run(self, logger: Integration) -> None:
        """Fire the events of a run of two epochs."""
        events = logger.events()
        order = ["on_pretrain_routine_start", "on_pretrain_routine_end", "on_train_start"]
        for epoch in range(2):
            order += [epoch, "on_train_epoch_start", "on_train_epoch_end", "on_fit_epoch_end"]
        for event in [*order, "on_train_end", "teardown"]:
            if isinstance(event, int):
                self.epoch = event
            elif event in events:
                events[event](self)


class UserTrainer(FakeTrainer):
    """A subclass counts as a trainer too."""


@pytest.fixture
def trainer(tmp_path) -> FakeTrainer:
    return FakeTrainer(tmp_path)


@pytest.fixture
def fake(monkeypatch):
    """Return a function that puts a stand-in for a logging package into `sys.modules`."""

    def make(name: str, **attributes) -> MagicMock:
        module = MagicMock(spec=ModuleType(name))
        for key, value in attributes.items():
            setattr(module, key, value)
        monkeypatch.setitem(sys.modules, name, module)
        return module

    return make


def test_default_table():
    table = get_default_callbacks()
    assert tuple(table) == EVENTS and len(EVENTS) == 25
    table["on_train_start"].append(print)
    table["my_event"].append(print)  # further events may be added
    assert get_default_callbacks()["on_train_start"] == []
    assert callbacks.default_callbacks["on_export_end"] == []


def test_who_gets_loggers(trainer, tmp_path, monkeypatch):
    monkeypatch.setattr(base, "is_wanted", lambda setting, package: setting == "tensorboard")
    add_integration_callbacks(trainer)
    add_integration_callbacks(trainer)
    assert len(trainer.callbacks["on_train_epoch_end"]) == 1
    user = UserTrainer(tmp_path)
    add_integration_callbacks(user)
    assert len(user.callbacks["teardown"]) == 1
    validator = SimpleNamespace(callbacks=get_default_callbacks())
    add_integration_callbacks(validator)
    assert not any(validator.callbacks.values())
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    second = FakeTrainer(tmp_path)
    add_integration_callbacks(second)
    assert not any(second.callbacks.values())


def test_when_a_logger_takes_part(monkeypatch):
    assert not integration.is_wanted("mlflow", "json")  # tests run
    monkeypatch.setattr(integration.env, "is_pytest_running", lambda: False)
    assert integration.is_wanted("mlflow", "json")
    assert not integration.is_wanted("mlflow", "no_such_package")
    assert not integration.is_wanted("tensorboard", "json")  # off by default


def test_a_failing_logger_stops_alone(trainer, capsys):
    class Broken(Integration):
        name = "Broken"
        calls = 0

        def on_train_epoch_end(self, trainer):
            self.calls += 1
            raise OSError("service down")

    logger = Broken()
    trainer.run(logger)
    assert logger.calls == 1
    out = capsys.readouterr().out
    assert out.count("Broken logging stopped") == 1 and "service down" in out


def test_tensorboard(trainer):
    logger = TensorBoard()
    trainer.run(logger)
    assert not logger.failed
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(trainer.save_dir))
    events.Reload()
    assert set(events.Tags()["scalars"]) == {"train/box_loss", "train/cls_loss", "lr/pg0", *trainer.metrics}
    assert events.Tags()["graph"]
    assert [(e.step, e.value) for e in events.Scalars("metrics/mAP50(B)")] == [(1, 0.5), (2, 0.5)]


def test_tensorboard_goes_on_without_a_graph(trainer, capsys):
    trainer.model = torch.nn.Linear(1, 1)  # takes no pictures
    logger = TensorBoard()
    trainer.run(logger)
    assert not logger.failed
    assert "no graph" in capsys.readouterr().out


def test_wandb(trainer, fake):
    run = MagicMock(id="x1")
    wandb = fake("wandb", run=None, init=MagicMock(return_value=run), Image=str, Table=MagicMock())
    wandb.Artifact, wandb.plot_table = MagicMock(), MagicMock()
    logger = WeightsAndBiases()
    trainer.run(logger)
    assert not logger.failed
    assert wandb.init.call_args.kwargs["project"] == "a-b"
    assert wandb.Artifact.call_args.kwargs["name"] == "run_x1_model"
    assert run.log_artifact.call_args.kwargs["aliases"] == ["best"]
    logged = [call.args[0] for call in run.log.call_args_list]
    assert sum("results" in row for row in logged) == 1  # a picture is sent once
    assert [row["epoch"] for row in logged if "metrics/mAP50(B)" in row] == [1, 2]
    assert sum("model/parameters" in row for row in logged) == 1
    assert "curves/Precision-Recall(B)" in {key for row in logged for key in row}
    run.finish.assert_called_once_with()  # and not again as a failed one


def test_wandb_marks_runs_that_break_off(trainer, fake):
    run = MagicMock()
    fake("wandb", run=None, init=MagicMock(return_value=run))
    logger = WeightsAndBiases()
    logger.on_pretrain_routine_end(trainer)
    logger.teardown(trainer)
    run.finish.assert_called_once_with(exit_code=1)


def test_rows_of_curves():
    x = np.linspace(0, 1, 1000)
    rows = curve_rows(x, np.stack((x, 1 - x)), {0: "a"})
    assert len(rows) == 300 and [rows[i][0] for i in (0, 100, 200)] == ["mean", "a", "1"]
    assert rows[50] == ["mean", 0.5, 0.505] and rows[150] == ["a", 0.505, 0.505]
    assert curve_rows(x, np.zeros((0, 1000)), {}) == []


def test_mlflow(trainer, fake, monkeypatch):
    mlflow = fake("mlflow", tracking=MagicMock(is_tracking_uri_set=MagicMock(return_value=True)))
    names = ("set_experiment", "start_run", "log_params", "log_metrics", "log_artifact", "end_run", "get_tracking_uri")
    for name in names:
        setattr(mlflow, name, MagicMock())
    mlflow.active_run = MagicMock(return_value=None)
    logger = MLflow()
    trainer.run(logger)
    assert not logger.failed
    assert mlflow.set_experiment.call_args.args == ("a/b",)
    assert {"metrics/mAP50B": 0.5, "val/box_loss": 1.5} in [c.args[0] for c in mlflow.log_metrics.call_args_list]
    sent = {Path(c.args[0]).name for c in mlflow.log_artifact.call_args_list}
    assert sent == {"best.pt", "args.yaml", "results.png", "val_batch0_pred.jpg"}
    mlflow.end_run.assert_called_once()
    monkeypatch.setenv("MLFLOW_KEEP_RUN_ACTIVE", "true")
    trainer.run(MLflow())
    mlflow.end_run.assert_called_once()


def test_clearml(trainer, fake):
    task = MagicMock(is_offline=MagicMock(return_value=False))
    fake("clearml", Task=MagicMock(current_task=MagicMock(return_value=None), init=MagicMock(return_value=task)))
    trainer.plots = {}  # which are no pictures here
    logger = ClearML()
    trainer.run(logger)
    logger.on_val_end(trainer.validator)
    assert not logger.failed
    titles = {call.args[:2] for call in task.get_logger().report_scalar.call_args_list}
    assert ("train", "train/box_loss") in titles and ("metrics", "metrics/mAP50(B)") in titles
    image = task.get_logger().report_image.call_args.kwargs
    assert (image["title"], image["series"], image["iteration"]) == ("Validation", "val_pred.jpg", 0)
    assert task.update_output_model.call_args.kwargs["model_path"] == str(trainer.best)
    single = {call.args[0] for call in task.get_logger().report_single_value.call_args_list}
    assert single == {"model/parameters", "model/GFLOPs", "model/speed_PyTorch(ms)", *trainer.metrics}


def test_comet(trainer, fake, monkeypatch):
    monkeypatch.setenv("COMET_EVAL_LOG_CONFUSION_MATRIX", "true")
    experiment = MagicMock()
    comet = fake("comet_ml", Experiment=MagicMock(return_value=experiment), OfflineExperiment=MagicMock())
    comet.get_running_experiment = MagicMock(return_value=None)
    logger = Comet()
    trainer.run(logger)
    assert not logger.failed
    assert comet.Experiment.call_args.kwargs["project_name"] == "a/b"
    assert experiment.log_confusion_matrix.call_args.kwargs["labels"] == ["a", "background"]
    experiment.end.assert_called_once()
    monkeypatch.setenv("COMET_MODE", "disabled")
    comet.Experiment.reset_mock()
    trainer.run(Comet())
    comet.Experiment.assert_not_called()


def test_dvc(trainer, fake):
    live = MagicMock()
    fake("dvclive", Live=MagicMock(return_value=live))
    logger = DVCLive()
    trainer.run(logger)
    assert not logger.failed
    assert live.next_step.call_count == 2
    assert [call.args[0] for call in live.log_image.call_args_list] == ["train/results.png", "val/val_batch_pred/0.jpg"]
    assert live.log_sklearn_plot.call_args.args[1:] == (["a", "background"], ["a", "background"])
    live.end.assert_called_once()


@pytest.mark.parametrize("version", ["new", "old"])
def test_ray(version, trainer, fake, monkeypatch):
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    trainer.run(RayTune())  # no trial, nothing happens
    train, tune = MagicMock(), MagicMock()
    fake("ray", train=train, tune=tune)
    if version == "old":
        del tune.get_context
    context = (tune if version == "new" else train).get_context()
    context.get_trial_id.return_value = None
    trainer.run(RayTune())
    tune.report.assert_not_called()
    context.get_trial_id.return_value = "t1"
    trainer.run(RayTune())
    assert tune.report.call_args.args[0] == {"metrics/mAP50(B)": 0.5, "val/box_loss": 1.5, "epoch": 2}


# What loggers have in common ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "name", "number"),
    [
        ("val_batch0_pred.jpg", "val_pred.jpg", 0),
        ("a/train_batch12.jpg", "train.jpg", 12),
        ("results.png", "results.png", None),
    ],
)
def test_pictures_of_batches(file, name, number):
    assert integration.split_batch(Path(file)) == (name, number)


def test_pairs_of_a_confusion_matrix():
    true, found = pairs_of(np.array([[2, 1], [0, 3]]), ["a", "b"])
    assert true == ["a", "a", "b", "b", "b", "b"] and found == ["a", "a", "a", "b", "b", "b"]
    assert pairs_of(np.zeros((2, 2)), ["a", "b"]) == ([], [])


def test_detections_for_comet():
    label = {
        "im_file": "x/a.jpg",
        "shape": (40, 80),
        "cls": np.array([[1]]),
        "bboxes": np.array([[0.5, 0.5, 0.25, 0.5]]),
    }
    row = {"image_id": "a", "file_name": "a.jpg", "category_id": 3, "bbox": [1, 2, 3, 4], "score": 0.5}
    dataset = SimpleNamespace(labels=[label, {**label, "im_file": "x/b.jpg"}])
    validator = SimpleNamespace(
        jdict=[row], dataloader=SimpleNamespace(dataset=dataset), names={0: "cat", 1: "dog"}, class_map=[1, 3]
    )
    ((file, (truth, found)),) = image_annotations(validator)
    assert file == Path("x/a.jpg")
    assert truth["data"] == [{"boxes": [[30.0, 10.0, 20.0, 20.0]], "label": "gt_dog", "score": 100.0}]
    assert found["data"] == [{"boxes": [[1, 2, 3, 4]], "label": "dog", "score": 50.0}]
    validator.jdict = []
    assert list(image_annotations(validator)) == []


# Event functions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [target.partition(":")[0] for _, _, target in base.INTEGRATIONS])
def test_loggers_as_functions(module, monkeypatch):
    home = importlib.import_module(module)
    kind = getattr(home, next(t for _, _, t in base.INTEGRATIONS if t.startswith(module)).partition(":")[2])
    for event in EVENTS:
        assert not hasattr(kind, event) or vars(home)[event].__name__ == event
    assert home.callbacks == {}  # a test runner drives this process
    monkeypatch.setattr(base, "is_wanted", lambda setting, package: True)
    assert set(home.callbacks) >= {event for event in EVENTS if hasattr(kind, event)}


def test_functions_of_a_logger_share_its_state():
    class Notes(Integration):
        def __init__(self):
            super().__init__()
            self.seen = []

        def on_train_start(self, trainer):
            self.seen.append("start")

        def on_train_end(self, trainer):
            self.seen.append("end")
            trainer.seen = self.seen

    start, end = integration.functions_of(Notes)
    trainer, other = SimpleNamespace(callbacks={}), SimpleNamespace(callbacks={})
    for runner in (trainer, other):
        start(runner)
    end(trainer)
    assert trainer.seen == ["start", "end"] and not hasattr(other, "seen")
    listening = Notes()
    trainer = SimpleNamespace(callbacks={event: [function] for event, function in listening.events().items()})
    end(trainer)
    assert trainer.seen is listening.seen


def test_events_as_functions_that_do_nothing():
    assert all(getattr(base, event)(object()) is None and getattr(base, event).__doc__ for event in EVENTS)
    assert list(base.default_callbacks) == list(EVENTS) == default.__all__
    assert base.default_callbacks is not base.default_callbacks  # a new table every time
