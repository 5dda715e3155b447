"""What overrides of the methods of validators and metrics change."""

from __future__ import annotations

import functools
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from class_helpers import make_set
from override_cases import TASKS, covers, prepare, without_training
from shape_helpers import run_settings

from ultralytics import YOLO
from ultralytics.engine import validator as validator_module
from ultralytics.engine.metrics.base import Metric
from ultralytics.engine.metrics.confusion import ConfusionMatrix
from ultralytics.engine.metrics.detect import DetMetrics
from ultralytics.models.yolo.classify import ClassificationValidator
from ultralytics.models.yolo.detect import DetectionValidator


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Return a function: task -> data set and checkpoint of a network that finds many things."""
    return functools.cache(lambda task: prepare(tmp_path_factory.mktemp(task), task))


TABLES = {"detect": ("tp",), "segment": ("tp", "tp_m"), "pose": ("tp", "tp_p"), "obb": ("tp",)}


@pytest.fixture
def validate(prepared, tmp_path):
    def go(cls, task="detect", **changes):
        data, weights = prepared(task)
        options = {"conf": 0.01, "max_det": 20, **run_settings(tmp_path, name="v"), **changes}
        validator = cls(args={"model": weights, "data": data, **{k: v for k, v in options.items() if k != "epochs"}})
        return validator, validator()

    return go


@covers("Validator", "preprocess postprocess _prepare_batch _prepare_pred _process_batch match_predictions")
@covers("Validator", "update_metrics")
@pytest.mark.parametrize("task", TASKS)
def test_steps_of_matching(validate, task):
    base = YOLO("yolov8n.yaml").task_map[task]["validator"]

    class Mine(base):
        tables = ()

        def preprocess(self, batch):
            return {**super().preprocess(batch), "mine": True}

        def postprocess(self, preds):
            return [{key: value[:3] for key, value in pred.items()} for pred in super().postprocess(preds)]

        def _prepare_batch(self, si, batch):
            return {**super()._prepare_batch(si, batch), "si": si}

        def _prepare_pred(self, pred):
            return {**super()._prepare_pred(pred), "prepared": True}

        def match_predictions(self, pred_classes, true_classes, iou, use_scipy=False):
            assert iou.shape == (len(true_classes), len(pred_classes))
            return torch.zeros(len(pred_classes), self.niou, dtype=torch.bool)

        def _process_batch(self, preds, batch):
            assert preds["prepared"] and len(preds["cls"]) <= 3 and len(batch["bboxes"]) == len(batch["cls"])
            for key in {"masks", "keypoints"} & set(preds):
                found, true = preds[key], batch[key]
                assert isinstance(found, torch.Tensor) and isinstance(true, torch.Tensor)
                assert found.float().flatten(1).shape[1:] == true.float().flatten(1).shape[1:]
            found = super()._process_batch(preds, batch)
            self.tables += (found,)
            return {key: np.ones_like(table) for key, table in found.items()}

        def update_metrics(self, preds, batch):
            assert batch["mine"]
            super().update_metrics(preds, batch)

    validator, stats = validate(Mine, task)
    assert len(validator.tables) == validator.seen > 0 and {key for t in validator.tables for key in t} == set(
        TABLES[task]
    )
    assert not any(table.any() for tables in validator.tables for table in tables.values()), "nothing matched"
    assert all(stats[key] > 0 for key in stats if "precision" in key)


@covers("Validator", "scale_preds pred_to_json save_one_txt eval_json gather_stats _gather_image_metrics get_stats")
@covers("Validator", "finalize_metrics print_results get_desc init_metrics plot_val_samples plot_predictions on_plot")
@covers(
    "Validator", "get_dataloader build_dataset get_model _check_max_det __call__ run_callbacks add_callback __init__"
)
@pytest.mark.parametrize("task", TASKS)
def test_output_of_validation(validate, task, monkeypatch, caplog, tmp_path):
    base = YOLO("yolov8n.yaml").task_map[task]["validator"]
    heads, bar = [], validator_module.TQDM
    monkeypatch.setattr(
        validator_module, "TQDM", lambda *a, desc, **k: (heads.append(desc), bar(*a, desc=desc, **k))[1]
    )

    class Mine(base):
        done = ()

        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.add_callback("on_val_end", lambda v: None)

        def __call__(self, trainer=None, model=None):
            return {**super().__call__(trainer, model), "called": 1.0}

        def get_model(self, model, trainer=None):
            found = super().get_model(model, trainer)
            self.done += (type(found).__name__,)
            return found

        def build_dataset(self, img_path, mode="val", batch=None):
            dataset = super().build_dataset(img_path, mode, batch)
            dataset.mine = True
            return dataset

        def get_dataloader(self, dataset_path, batch_size):
            return super().get_dataloader(dataset_path, 2)

        @staticmethod
        def _check_max_det(args, datasets):
            assert list(datasets) == ["val"]
            args.max_det = 2

        def init_metrics(self, model):
            super().init_metrics(model)
            self.confusion_matrix.names = {i: f"my {name}" for i, name in self.names.items()}

        def scale_preds(self, predn, pbatch):
            assert len(predn["cls"]) <= 2
            return {**super().scale_preds(predn, pbatch), "mine": 5}

        def pred_to_json(self, predn, pbatch):
            start = len(self.jdict)
            super().pred_to_json(predn, pbatch)
            for row in self.jdict[start:]:
                row["mine"] = predn["mine"]

        def save_one_txt(self, predn, save_conf, shape, file):
            Path(file).write_text(f"mine {predn['mine']} {tuple(shape)}")

        def gather_stats(self):
            super().gather_stats()
            self.done += ("gathered",)

        def _gather_image_metrics(self, metric):
            metric.clear_image_metrics()

        def get_stats(self):
            return {**super().get_stats(), "mine": 1.0}

        def finalize_metrics(self):
            super().finalize_metrics()
            self.metrics.speed = {"mine": 1.0}

        def print_results(self):
            self.done += ("printed",)

        def get_desc(self):
            return "MY HEAD"

        def plot_val_samples(self, batch, ni):
            self.done += (f"samples {ni}",)

        def plot_predictions(self, batch, preds, ni, max_det=None):
            self.done += (f"predictions {ni}",)

        def on_plot(self, name, data=None):
            self.done += ("plot",)

        def eval_json(self, stats):
            return {**stats, "evaluated": stats["mine"] + 1}

        def run_callbacks(self, event):
            self.done += (event,)

    validator, stats = validate(Mine, task, plots=True, save_json=True, save_txt=True)
    assert stats["mine"] == stats["called"] == 1 and stats["evaluated"] == 2 and heads == ["MY HEAD"]
    assert validator.dataloader.dataset.mine and len(next(iter(validator.dataloader))["im_file"]) == 2
    rows = json.loads((tmp_path / "v" / "predictions.json").read_text())
    assert rows and all(row["mine"] == 5 for row in rows) and max(Counter(r["file_name"] for r in rows).values()) <= 2
    files = list((tmp_path / "v" / "labels").iterdir())
    assert files and all(file.read_text() == "mine 5 (64, 64)" for file in files)
    assert validator.metrics.speed == {"mine": 1.0} and not validator.metrics.box.image_metrics
    assert validator.confusion_matrix.names[0].startswith("my ") and not validator.plots
    assert {"AutoBackend", "gathered", "printed", "samples 0", "predictions 0", "plot", "on_val_end"} <= set(
        validator.done
    )
    assert not list((tmp_path / "v").glob("val_batch*")) and "all" not in [line.split()[:1] for line in caplog.messages]


def test_counting_of_somebodys_own(validate, tmp_path):
    """The steps serve an `update_metrics` that does not call `super()`."""

    class Mine(DetectionValidator):
        def update_metrics(self, preds, batch):
            for si, pred in enumerate(preds):
                self.seen += 1
                pbatch, predn = self._prepare_batch(si, batch), self._prepare_pred(pred)
                classes = pbatch["cls"].cpu().numpy()
                found = {"conf": predn["conf"].cpu().numpy(), "pred_cls": predn["cls"].cpu().numpy()}
                true = {
                    "target_cls": classes,
                    "target_img": np.unique(classes),
                    "im_name": Path(pbatch["im_file"]).name,
                }
                self.metrics.update_stats({**self._process_batch(predn, pbatch), **found, **true})
                scaled = self.scale_preds(predn, pbatch)
                file = self.save_dir / "labels" / f"{Path(pbatch['im_file']).stem}.txt"
                self.save_one_txt(scaled, self.args.save_conf, pbatch["ori_shape"], file)
                self.pred_to_json(scaled, pbatch)

    options = {"save_txt": True, "save_json": True}
    ours, stats = validate(DetectionValidator, name="plain", **options)
    mine, own = validate(Mine, name="own", **options)
    assert own == stats and mine.jdict == ours.jdict
    assert len(list((tmp_path / "own" / "labels").iterdir())) == mine.seen


@covers("Validator", "coco_evaluate")
def test_evaluation_by_coco(validate):
    class Mine(DetectionValidator):
        def coco_evaluate(self, stats, pred_json, anno_json, iou_types="bbox", suffix="Box"):
            assert len(pred_json) == len(self.jdict) > 0 and anno_json is None
            return {"mine": 3.0}

    assert validate(Mine, save_json=True)[1] == {"mine": 3.0}


@covers("Validator", "update_metrics postprocess get_stats preprocess")
def test_validation_of_classes(tmp_path):
    class Mine(ClassificationValidator):
        def preprocess(self, batch):
            return {**super().preprocess(batch), "mine": True}

        def postprocess(self, preds):
            return torch.eye(len(self.names))[: len(super().postprocess(preds))] * 0 + torch.eye(len(self.names))[0]

        def update_metrics(self, preds, batch):
            assert batch["mine"] and preds[0].argmax() == 0
            super().update_metrics(preds, {**batch, "cls": batch["cls"] * 0})

        def get_stats(self):
            return {**super().get_stats(), "mine": 1.0}

    model = YOLO("yolov8n-cls.yaml")
    model.model.names = {0: "blue", 1: "green", 2: "red"}
    validator = Mine(
        args={"data": str(make_set(tmp_path / "set")), **without_training(run_settings(tmp_path, imgsz=32, batch=3))}
    )
    type(model.model).reshape_outputs(model.model, 3)
    stats = validator(model=model.model)
    assert stats["mine"] == 1 and stats["metrics/accuracy_top1"] == 1


# Metrics --------------------------------------------------------------------------------------------------------------


@covers("DetMetrics", "__init__ update_stats process clear_stats clear_image_metrics mean_results class_result summary")
@covers("Metric", "__init__ mean_results class_result fitness update clear_image_metrics update_image_metrics")
@covers(
    "ConfusionMatrix", "__init__ _append_matches process_cls_preds process_batch tp_fp plot_matches plot print summary"
)
def test_metrics_of_somebodys_own(validate, tmp_path, caplog):
    seen = Counter()

    class MyMetric(Metric):
        def __init__(self):
            super().__init__()
            seen.update(["metric"])

        def mean_results(self):
            return [0.5, 0.5, 0.25, 0.125]

        def class_result(self, i):
            return 0.1, 0.2, 0.3, 0.4

        def fitness(self):
            return 0.875

        def update(self, results):
            super().update(results)
            seen.update(["update"])

        def update_image_metrics(self, tp, target_cls, pred_cls, im_name):
            super().update_image_metrics(tp, target_cls, pred_cls, f"my {im_name}")

        def clear_image_metrics(self):
            super().clear_image_metrics()
            seen.update(["clear images"])

    class MyMetrics(DetMetrics):
        def __init__(self, names=None):
            super().__init__(names)
            self.box = MyMetric()

        def update_stats(self, stat):
            super().update_stats({**stat, "conf": np.full(len(stat["conf"]), 0.5)})

        def process(self, save_dir=Path(), plot=False, on_plot=None):
            joined = super().process(save_dir, plot, on_plot)
            seen.update([f"conf {sorted(set(joined['conf'].tolist()))}"])
            return joined

        def clear_stats(self):
            super().clear_stats()
            seen.update(["clear"])

        def clear_image_metrics(self):
            super().clear_image_metrics()
            seen.update(["clear all images"])

        def mean_results(self):
            return [2 * value for value in super().mean_results()]

        def class_result(self, i):
            return tuple(10 * value for value in super().class_result(i))

        def summary(self, normalize=True, decimals=5):
            return [{"Mine": 1}]

    class MyMatrix(ConfusionMatrix):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.kept = Counter()

        def _append_matches(self, mtype, batch, idx):
            super()._append_matches(mtype, batch, idx)
            self.kept.update([mtype])

        def process_batch(self, detections, batch, conf=0.25, iou_thres=0.45):
            super().process_batch(detections, batch, conf=0.02)

        def plot(self, normalize=True, save_dir="", on_plot=None):
            Path(save_dir, f"my{normalize}.txt").touch()

        def plot_matches(self, img, im_file, save_dir, show_labels=True, show_conf=True):
            Path(save_dir, f"my-{Path(im_file).stem}.txt").touch()

        def process_cls_preds(self, preds, targets):
            self.matrix[:] = 7

        def tp_fp(self):
            return super().tp_fp()[0] * 0, super().tp_fp()[1]

        def summary(self, normalize=False, decimals=5):
            return [{"Predicted": "mine"}]

        def print(self):
            seen.update(["print"])

    class Mine(DetectionValidator):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.metrics = MyMetrics()

        def init_metrics(self, model):
            super().init_metrics(model)
            self.confusion_matrix = MyMatrix(names=self.names, save_matches=True)

    validator, stats = validate(Mine, plots=True, visualize=True, verbose=True)
    assert stats["metrics/precision(B)"] == 1 and stats["metrics/mAP50(B)"] == 0.5 and stats["fitness"] == 0.875
    assert {"metric", "update", "clear", "clear images", "clear all images", "conf [0.5]"} <= set(seen)
    assert all(name.startswith("my ") for name in validator.metrics.box.image_metrics)
    row = next(line.split() for line in caplog.messages if line.split()[:1] == ["0"])
    assert [float(value) for value in row[3:]] == [1, 2, 3, 4]
    matrix = validator.confusion_matrix
    assert matrix.kept["GT"] > 0 and matrix.kept["FP"] + matrix.kept["TP"] > 0
    names = {path.name for path in (tmp_path / "v").iterdir()}
    assert {"myTrue.txt", "myFalse.txt", "my-0.txt"} <= names and "confusion_matrix.png" not in names
    assert validator.metrics.to_csv().splitlines()[0] == "Mine" and "mine" in matrix.to_csv()
    matrix.process_cls_preds([], [])
    matrix.print()
    assert matrix.matrix.min() == 7 and matrix.tp_fp()[0].max() == 0 and seen["print"]
