"""Methods that people override: all are there with the public signature, and a run of every task goes through them.

What overrides change is in `test_override_train.py`, `test_override_val.py` and `test_override_others.py`.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import cv2
import numpy as np
import pytest
from class_helpers import make_set
from override_cases import COVERED, POINTS
from shape_helpers import run_settings, stirred_file, write_network, write_shapes
from train_helpers import make_data

from ultralytics import YOLO
from ultralytics.engine.exporter import Exporter
from ultralytics.engine.idle import IDLE
from ultralytics.engine.predictor import BasePredictor
from ultralytics.engine.validator import BaseValidator
from ultralytics.models.yolo.classify import ClassificationTrainer, ClassificationValidator
from ultralytics.models.yolo.detect import DetectionTrainer, DetectionValidator
from ultralytics.models.yolo.obb import OBBValidator

TASKS = ("detect", "segment", "pose", "obb", "classify")
STAGES = {"Trainer": "train", "Validator": "val", "Predictor": "predict"}
PARTS = {"Trainer": "trainer", "Validator": "validator", "Predictor": "predictor"}
# Called by nobody in a plain run: by users, in several processes, when something goes wrong, or by what is not built.
ELSEWHERE = {
    "__init__",
    "add_callback",
    "set_callback",
    "predict_cli",
    "show",
    "_setup_ddp",
    "_load_checkpoint_state",
    "compute_class_weights",
    "get_class_counts",
    "auto_batch",
}


def find(path: str) -> type:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def rows() -> list[tuple[str, str]]:
    return [(path, name) for path, methods in POINTS.items() for name in methods]


@pytest.mark.parametrize(("path", "name"), rows(), ids=[f"{p.partition(':')[2]}.{n}" for p, n in rows()])
def test_signature_is_the_public_one(path, name):
    """An override with the public parameters fits and `super()` takes them; ours may end with further optional ones."""
    wanted = [parameter.lstrip("*") for parameter in POINTS[path][name]]
    found = [p for n, p in inspect.signature(getattr(find(path), name)).parameters.items() if n != "self"]
    if POINTS[path][name][:1] != ["*args"]:  # otherwise decorated there, so that its parameters are not known
        assert [p.name for p in found[: len(wanted)]] == wanted
        found = found[len(wanted) :]
    assert all(p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in found)


# A run goes through them ----------------------------------------------------------------------------------------------


def listed(cls: type) -> set[str]:
    """Return the listed names of a class and of those that it derives from."""
    classes = {c.__name__ for c in cls.__mro__}
    return {name for path, names in POINTS.items() if path.partition(":")[2] in classes for name in names}


def recording(cls: type, calls: set[str]) -> type:
    """Return a subclass whose listed methods note that they were called and go on as before."""

    def hook(name: str) -> Any:
        def run(self, *args, **kwargs):
            calls.add(name)
            return getattr(super(Recording, self), name)(*args, **kwargs)

        return run

    static = {n for c in cls.__mro__ for n, v in vars(c).items() if isinstance(v, staticmethod)}
    methods = {name: hook(name) for name in listed(cls) - {"__init__"} - static}
    for name in static & listed(cls):

        def call(*args, _name=name, **kwargs):
            calls.add(_name)
            return getattr(cls, _name)(*args, **kwargs)

        methods[name] = staticmethod(call)
    Recording = type(cls.__name__, (cls,), methods)
    return Recording


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return a function: task -> names that were called, by `train`, `val` and `predict`."""
    done: dict[str, dict[str, set[str]]] = {}

    def run(task: str) -> dict[str, set[str]]:
        if task in done:
            return done[task]
        root = tmp_path_factory.mktemp(task)
        if task == "classify":
            data, model = str(make_set(root / "set")), "yolov8n-cls.yaml"
        elif task == "detect":
            data = str(make_data(root))
            model = str(root / "net.yaml")
        else:
            data, model = write_shapes(root, task), write_network(root, task)
        settings = run_settings(root, plots=True, close_mosaic=1, imgsz=64)
        parts = YOLO(model).task_map[task]
        calls = {stage: set() for stage in STAGES.values()}
        trainer = recording(parts["trainer"], calls["train"])(overrides={"model": model, "data": data, **settings})
        trainer.train()
        network = YOLO(trainer.best) if task == "classify" else YOLO(stirred_file(trainer.best, root / "best.pt"))
        validator = recording(parts["validator"], calls["val"])
        network.val(validator=validator, data=data, save_json=True, save_txt=True, conf=0.01, max_det=20, **settings)
        predictor = recording(parts["predictor"], calls["predict"])
        cv2.imwrite(str(root / "one.png"), np.full((48, 64, 3), 90, np.uint8))
        arguments = {"imgsz": 64, "save": True, "device": "cpu", "project": str(root), "conf": 0.01, "max_det": 5}
        network.predict(str(root / "one.png"), predictor=predictor(overrides=arguments))
        if task != "classify":  # trackers ask for features
            looks = root / "looks.yaml"
            looks.write_text("tracker_type: botsort\nwith_reid: True\n", encoding="utf-8")
            arguments.update(tracker=str(looks), name="track")
            network.track(str(root / "one.png"), predictor=predictor(overrides=arguments))
        done[task] = calls
        return calls

    return run


def cases() -> list[tuple[str, str, str]]:
    found = []
    for task in TASKS:
        parts = {key: value for key, value in YOLO.task_map.fget(object.__new__(YOLO))[task].items() if key != "model"}
        for kind, stage in STAGES.items():
            cls = parts[PARTS[kind]]
            idle = {name for base in cls.__mro__ for name in IDLE.get(base.__name__, {})}
            found += [(task, stage, name) for name in sorted(listed(cls) - ELSEWHERE - idle)]
    return found


@pytest.mark.parametrize(("task", "stage", "name"), cases())
def test_a_run_goes_through_every_listed_method(runs, task, stage, name):
    assert name in runs(task)[stage]


def test_the_effect_of_every_listed_method_is_tried():
    """All listed names of all classes are in the list of some test of their effect."""
    for part in ("train", "val", "others"):
        importlib.import_module(f"test_override_{part}")
    missing = {}
    for path, names in POINTS.items():
        cls = path.partition(":")[2]
        kind = next((k for k in ("Trainer", "Validator", "Predictor") if cls.endswith(k)), cls)
        idle = {name for methods in IDLE.values() for name in methods}
        missing[path] = set(names) - COVERED.get(kind, set()) - idle
    assert not any(missing.values()), {path: names for path, names in missing.items() if names}


# What has no effect is told -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "name", "word"),
    [
        (DetectionTrainer, "build_targets", "init_criterion"),
        (ClassificationTrainer, "build_targets", "init_criterion"),
        (DetectionValidator, "check_stats", "get_stats"),
        (OBBValidator, "coco_evaluate", "eval_json"),
        (ClassificationValidator, "pred_to_json", "update_metrics"),
        (BasePredictor, "save_preds", "save_predicted_images"),
        (Exporter, "_int8_calibration_images", "get_int8_calibration_dataloader"),
        (Exporter, "export_tflite", "export_litert"),
        (YOLO, "is_hub_model", "no HUB"),
    ],
)
def test_an_override_without_effect_is_told_once(base, name, word, tmp_path, caplog):
    cls = type("Mine", (base,), {name: lambda self, *args, **kwargs: None})

    def build() -> None:
        if issubclass(base, YOLO):
            cls("yolov8n.yaml")
        elif issubclass(base, (DetectionTrainer, ClassificationTrainer)):
            yaml = make_data(tmp_path) if base is DetectionTrainer else make_set(tmp_path / "set")
            cls(overrides={"model": "yolov8n.yaml", "data": str(yaml), "project": str(tmp_path)})._release()
        elif issubclass(base, BaseValidator):
            cls(save_dir=tmp_path)
        else:
            cls()

    build()
    build()
    told = [r.getMessage() for r in caplog.records if "has no effect, nothing calls it" in r.getMessage()]
    assert len(told) == 1 and f"Mine.{name}()" in told[0] and word in told[0]


def test_what_has_an_effect_is_not_told(caplog):
    type("Mine", (DetectionValidator,), {"_process_batch": lambda self, preds, batch: {}})()
    assert "no effect" not in caplog.text


def test_idle_names_are_of_classes_that_are_there():
    of_tasks = [kind for entry in YOLO("yolov8n.yaml").task_map.values() for kind in entry.values()]
    classes = {c.__name__ for kind in (*map(find, POINTS), *of_tasks) for c in kind.__mro__}
    assert set(IDLE) <= classes
