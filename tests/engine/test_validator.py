"""The validator on a tiny data set, with a runtime that answers from the labels."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from ultralytics.engine import validator as module
from ultralytics.engine.coco import COCO80_TO_91, coco_image_id, evaluate_coco, truth_from_labels, unique_image_ids
from ultralytics.models.yolo.detect.stages import box_overlaps, select_boxes
from ultralytics.models.yolo.detect.val import DetectionValidator

NAMES = {0: "cat", 1: "dog", 2: "bus"}
# Per picture: class, centre x, centre y, width, height as shares. The last picture has no labels.
LABELS = [
    [(0, 0.3, 0.3, 0.4, 0.3), (1, 0.7, 0.7, 0.3, 0.4)],
    [(1, 0.5, 0.5, 0.8, 0.6)],
    [(0, 0.25, 0.5, 0.3, 0.5), (0, 0.75, 0.5, 0.3, 0.5)],
    [],
]
SIDE = 64


@pytest.fixture
def data(tmp_path) -> Path:
    """Write the data set; the grey level of a picture is its number, so that the runtime knows it again."""
    root = tmp_path / "set"
    for i, rows in enumerate(LABELS):
        folder = Path("val") / ("sub" if i % 2 else "")
        image, label = (root / kind / folder / f"{i}" for kind in ("images", "labels"))
        for path in (image, label):
            path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(f"{image}.bmp", np.full((SIDE, SIDE, 3), 10 * i, np.uint8))
        Path(f"{label}.txt").write_text("\n".join(" ".join(map(str, row)) for row in rows))
    names = "\n".join(f"  {i}: {name}" for i, name in NAMES.items())
    yaml = root / "set.yaml"
    yaml.write_text(f"path: {root}\ntrain: images/val\nval: images/val\nnames:\n{names}\n")
    return yaml


def answer(im: torch.Tensor, rows_of=LABELS.__getitem__, score: float = 0.9) -> torch.Tensor:
    """Return (B, 4 + nc, A) predictions that say what the labels say, twice where nothing is."""
    height, width = im.shape[2:]
    out = torch.zeros(len(im), 4 + len(NAMES), 4)
    for table, picture in zip(out, im, strict=True):
        rows = rows_of(round(float(picture[0, height // 2, width // 2]) * 25.5))
        for anchor, (label, x, y, w, h) in enumerate(rows):
            table[:4, anchor] = torch.tensor([x * width, y * height, w * width, h * height])
            table[4 + label, anchor] = score - 0.1 * anchor
    return out


class Runtime:
    """Stands for `AutoBackend`."""

    free_batch = False
    format, stride, names, fp16, dynamic, channels, end2end, imgsz, batch = (
        "pt",
        32,
        NAMES,
        False,
        True,
        3,
        False,
        None,
        1,
    )
    device = torch.device("cpu")
    rows_of = staticmethod(LABELS.__getitem__)

    def __init__(self, **kwargs):
        self.kwargs, self.shapes, self.model = kwargs, [], SimpleNamespace(names=NAMES)

    def eval(self):
        return self

    def warmup(self, imgsz):
        self.warm = tuple(imgsz)

    def __call__(self, im, augment=False):
        self.shapes.append(tuple(im.shape))
        return answer(im, type(self).rows_of), {}


@pytest.fixture
def make(tmp_path, monkeypatch, data):
    monkeypatch.setattr(module, "AutoBackend", Runtime)
    monkeypatch.setattr("ultralytics.engine.runtime.AutoBackend", Runtime)
    monkeypatch.setattr("ultralytics.engine.runtime.tune_allocator", lambda: None)

    def build(cls=DetectionValidator, **overrides) -> DetectionValidator:
        args = {"data": str(data), "imgsz": SIDE, "batch": 2, "workers": 0, "plots": False, "device": "cpu",
                "project": str(tmp_path), "name": "val", "exist_ok": True, "mode": "val"}  # fmt: skip
        return cls(args={**args, **overrides})

    return build


def test_perfect_answers(make, caplog):
    caplog.set_level("INFO", "ultralytics")
    validator = make()
    stats = validator()
    assert set(stats) == {*validator.metrics.keys, "fitness"} and set(validator.metric_keys) < set(stats)
    assert stats["metrics/mAP50-95(B)"] > 0.99 and stats["fitness"] == stats["metrics/mAP50-95(B)"]
    assert stats["metrics/recall(B)"] == 1 and validator.seen == 4
    rows = [line.split() for line in caplog.messages if line.split()[:1] in (["all"], ["cat"], ["dog"])]
    assert [row[:3] for row in rows] == [["all", "4", "5"], ["cat", "2", "3"], ["dog", "2", "2"]]
    assert any(line.startswith("Speed: ") and line.endswith("postprocess per image") for line in caplog.messages)
    assert set(validator.metrics.box.image_metrics) == {"0.bmp", "sub/1.bmp", "2.bmp", "sub/3.bmp"}
    assert validator.metrics.box.image_metrics["0.bmp"]["tp"] == 2
    assert set(validator.speed) == {"preprocess", "inference", "loss", "postprocess"}


def test_figures_do_not_depend_on_the_batch(make):
    results = [make(batch=b)() for b in (1, 3, 16)]
    assert results[0] == results[1] == results[2]


def test_rectangles(make, data, monkeypatch):
    for path in (data.parent / "images").rglob("*.bmp"):
        cv2.imwrite(str(path), cv2.resize(cv2.imread(str(path)), (2 * SIDE, SIDE)))
    seen = []
    monkeypatch.setattr(Runtime, "__call__", lambda self, im, augment: (seen.append(tuple(im.shape)), answer(im))[1])
    make(rect=True)()
    assert {shape[2] for shape in seen} == {SIDE} and {shape[3] for shape in seen} == {96}, "half a stride of room"


def test_wrong_answers(make, monkeypatch):
    shifted = [[(c, x + 0.1, y, w, h) for c, x, y, w, h in rows] for rows in LABELS]
    monkeypatch.setattr(Runtime, "rows_of", staticmethod(lambda i: shifted[i]))
    stats = make()()
    assert 0 < stats["metrics/mAP50-95(B)"] < 0.5 < stats["metrics/mAP50(B)"]
    monkeypatch.setattr(Runtime, "rows_of", staticmethod(lambda i: []))
    assert make()()["metrics/mAP50(B)"] == 0


def test_pictures_and_confusion(make, tmp_path):
    validator = make(plots=True, visualize=True)
    validator()
    names = {p.name for p in (tmp_path / "val").iterdir()}
    assert {f"val_batch{i}_{kind}.jpg" for i in (0, 1) for kind in ("labels", "pred")} <= names
    assert {"confusion_matrix.png", "confusion_matrix_normalized.png", "BoxPR_curve.png", "visualizations"} <= names
    assert len(list((tmp_path / "val" / "visualizations").iterdir())) == 4
    assert validator.confusion_matrix.matrix.diagonal()[:2].tolist() == [3, 2]
    assert validator.metrics.confusion_matrix is validator.confusion_matrix and validator.plots


def test_json(make, tmp_path):
    make(save_json=True)()
    rows = json.loads((tmp_path / "val" / "predictions.json").read_text())
    assert len(rows) == 5
    first = next(row for row in rows if row["image_id"] == 1)
    expected = {"image_id": 1, "file_name": "1.bmp", "category_id": 2, "bbox": [6.4, 12.8, 51.2, 38.4], "score": 0.9}
    assert first == expected


def test_pictures_of_one_name_have_ids_of_their_own(make, data, tmp_path):
    for kind, suffix in (("images", "bmp"), ("labels", "txt")):
        folder = data.parent / kind / "val"
        (folder / f"2.{suffix}").rename(folder / "sub" / f"0.{suffix}")
    validator = make(save_json=True)
    stats = validator()
    assert set(validator.image_ids.values()) == {"0", 1, "sub/0", 3}
    rows = json.loads((tmp_path / "val" / "predictions.json").read_text())
    boxes = {i: sorted(r["bbox"][0] for r in rows if r["image_id"] == i) for i in ("0", "sub/0")}
    assert boxes == {"0": [6.4, 35.2], "sub/0": [6.4, 38.4]}
    assert stats["metrics/mAP50(B)"] > 0.99, "also by COCO's rules, where its tool is installed"


def test_ids_are_numbers_where_they_can_be():
    files = {"/d/a/7.jpg": "a/7.jpg", "/d/b/07.jpg": "b/07.jpg", "/d/x.jpg": "x.jpg", "/d/x.png": "x.png"}
    assert list(unique_image_ids({**files, "/d/8.jpg": "8.jpg"}).values()) == ["a/7", "b/07", "x.jpg", "x.png", 8]


def test_labels_of_classes_that_the_model_lacks_are_left_out(make, data, monkeypatch, caplog):
    class OfOneClass(DetectionValidator):
        def init_metrics(self, model):
            super().init_metrics(SimpleNamespace(names={0: "cat"}))

    monkeypatch.setattr(Runtime, "rows_of", staticmethod(lambda i: [row for row in LABELS[i] if row[0] == 0]))
    validator = make(OfOneClass, plots=True, save_json=True)
    stats = validator()
    assert stats["metrics/mAP50(B)"] > 0.99 and validator.metrics.nt_per_class.tolist() == [3]
    assert caplog.text.count("is not one of the model's 1") == 1
    assert validator.confusion_matrix.matrix.sum() == 3


def test_rows_of_another_file_are_evaluated(make, tmp_path):
    pytest.importorskip("faster_coco_eval")
    validator = make(save_json=True)
    validator()
    other = tmp_path / "other.json"
    other.write_text(json.dumps([row for row in validator.jdict if row["image_id"] != 1]))
    whole, part = (validator.coco_evaluate({}, rows, None) for rows in (validator.jdict, other))
    assert part["metrics/mAP50(B)"] < whole["metrics/mAP50(B)"]


def test_txt(make, tmp_path):
    for _ in range(2):  # a second run replaces the files
        make(save_txt=True, save_conf=True)()
    folder = tmp_path / "val" / "labels"
    assert {p.name for p in folder.iterdir()} == {"0.txt", "sub_1.txt", "2.txt"}
    assert (folder / "sub_1.txt").read_text().split() == ["1", "0.5", "0.5", "0.8", "0.6", "0.9"]
    assert len((folder / "0.txt").read_text().splitlines()) == 2


def test_odd_names_in_the_table(make, monkeypatch, caplog):
    caplog.set_level("INFO", "ultralytics")
    monkeypatch.setattr(Runtime, "names", {0: "cat\n all 100", 1: "dog\x1b[2J", 2: "b" * 3000})
    make(verbose=True)()
    rows = [line for line in caplog.messages if "cat" in line or "dog" in line]
    assert len(rows) == 2 and not any("\n" in row or "\x1b" in row for row in rows)


def test_original_pixels_in_files(make, data, tmp_path, monkeypatch):
    for path in (data.parent / "images").rglob("*.bmp"):  # half as high: the labels' shares stay the same
        cv2.imwrite(str(path), cv2.resize(cv2.imread(str(path)), (4 * SIDE, 2 * SIDE)))
    validator = make(save_txt=True)
    letterboxed = [[(c, x, 0.25 + y / 2, w, h / 2) for c, x, y, w, h in rows] for rows in LABELS]
    monkeypatch.setattr(Runtime, "rows_of", staticmethod(letterboxed.__getitem__))
    stats = validator()
    assert stats["metrics/mAP50-95(B)"] > 0.99
    values = [float(v) for v in (tmp_path / "val" / "labels" / "sub_1.txt").read_text().split()]
    np.testing.assert_allclose(values, [1, 0.5, 0.5, 0.8, 0.6], atol=1e-3)


def test_single_class(make, monkeypatch):
    monkeypatch.setattr(Runtime, "rows_of", staticmethod(lambda i: [(2, *row[1:]) for row in LABELS[i]]))
    assert make()()["metrics/mAP50(B)"] == 0
    assert make(single_cls=True)()["metrics/mAP50(B)"] > 0.99


def test_fixed_exports_get_squares_and_their_batch(make, monkeypatch):
    monkeypatch.setattr(Runtime, "format", "onnx")
    monkeypatch.setattr(Runtime, "dynamic", False)
    monkeypatch.setattr(Runtime, "imgsz", [96, 96])
    seen = []
    monkeypatch.setattr(Runtime, "__call__", lambda self, im, augment: (seen.append(tuple(im.shape)), answer(im))[1])
    validator = make(augment=True, batch=4)
    stats = validator()
    assert seen == [(1, 3, 96, 96)] * 4 and validator.args.rect is False and validator.args.augment is False
    assert stats["metrics/mAP50(B)"] > 0.99


def test_unknown_split_is_named(make):
    with pytest.raises((ValueError, FileNotFoundError), match="test"):
        make(split="test")()


def test_callbacks_and_overrides(make):
    seen = []

    class Mine(DetectionValidator):
        def postprocess(self, preds):
            return [{k: v[:1] for k, v in pred.items()} for pred in super().postprocess(preds)]

        def update_metrics(self, preds, batch):
            assert all(len(pred["cls"]) <= 1 for pred in preds) and set(preds[0]) >= {"bboxes", "conf", "cls", "extra"}
            super().update_metrics(preds, batch)

    validator = make(Mine)
    for event in ("on_val_start", "on_val_batch_start", "on_val_batch_end", "on_val_end"):
        validator.add_callback(event, lambda v, event=event: seen.append(event))
    stats = validator()
    assert stats["metrics/recall(B)"] < 1
    assert seen == ["on_val_start", *["on_val_batch_start", "on_val_batch_end"] * 2, "on_val_end"]


# In training ----------------------------------------------------------------------------------------------------------


class Network(torch.nn.Module):
    """Stands for the trainer's model average."""

    names = NAMES

    def forward(self, im, augment=False):
        return answer(im), {}

    def loss(self, batch, preds):
        assert not torch.is_inference_mode_enabled() and not torch.is_grad_enabled()
        return torch.ones(3), {"box_loss": torch.tensor(len(batch["img"]) / 2), "cls_loss": torch.tensor(3.0)}


def trainer_at(epoch: int, validator: DetectionValidator, data: Path, **more) -> SimpleNamespace:
    described = module.check_det_dataset(str(data))
    validator.data, validator.stride = described, 32
    if validator.dataloader is None:
        validator.dataloader = validator.get_dataloader(described["val"], 2)
    return SimpleNamespace(
        device=torch.device("cpu"), data=described, ema=SimpleNamespace(ema=Network()), model=None, epoch=epoch,
        epochs=3, stopper=SimpleNamespace(possible_stop=False), autocast=contextlib.nullcontext, stride=32,
        label_loss_items=lambda items, prefix: {f"{prefix}/{k}": v for k, v in items.items()}, **more,
    )  # fmt: skip


def test_training_adds_losses_and_draws_at_the_end(make, data, tmp_path):
    validator = make(plots=True)
    validator.device = torch.device("cpu")
    out = tmp_path / "val"
    results = validator(trainer_at(0, validator, data))
    assert results["val/box_loss"] == 1 and results["val/cls_loss"] == 3 and results["fitness"] > 0.99
    assert all(round(v, 5) == v for v in results.values())
    assert not list(out.glob("*.jpg")) and validator.args.plots is True
    validator(trainer_at(2, validator, data))
    assert (out / "val_batch0_pred.jpg").is_file() and (out / "confusion_matrix.png").is_file()


def test_a_possible_stop_draws_too(make, data, tmp_path):
    validator = make(plots=True)
    validator.device = torch.device("cpu")
    trainer = trainer_at(0, validator, data)
    trainer.stopper.possible_stop = True
    validator(trainer)
    assert (tmp_path / "val" / "val_batch0_pred.jpg").is_file()


def test_ranks_are_merged(make, data, monkeypatch):
    validator = make()
    validator.device = torch.device("cpu")
    trainer = trainer_at(0, validator, data)
    alone = validator(trainer)
    monkeypatch.setattr(module, "world_size", lambda: 2)
    twice = lambda obj: [obj, obj]  # noqa: E731
    monkeypatch.setattr(module, "all_gather_object", twice)
    monkeypatch.setattr("ultralytics.models.yolo.detect.val.all_gather_object", twice)
    both = validator(trainer)
    assert both == alone and validator.seen == 8 and validator.metrics.nt_per_class.sum() == 10
    monkeypatch.setattr(module, "rank", lambda: 1)
    monkeypatch.setattr("ultralytics.models.yolo.detect.val.rank", lambda: 1)
    assert validator(trainer) is None


# Stages and COCO ------------------------------------------------------------------------------------------------------


def test_matching_of_one_picture(make):
    validator = make()
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 8], [20, 20, 30, 30]])
    found = {"bboxes": boxes, "conf": torch.tensor([0.9, 0.8, 0.7]), "cls": torch.tensor([1.0, 1, 0])}
    targets = {"bboxes": torch.tensor([[0.0, 0, 10, 10]]), "cls": torch.tensor([1.0])}
    assert box_overlaps(found, targets)["tp"].tolist() == [[1, pytest.approx(0.8), 0]]
    table = validator._process_batch(found, targets)["tp"]
    assert table.shape == (3, 10) and table.dtype == bool and table[0].all() and not table[1:].any()
    none = validator._process_batch(found, {"bboxes": torch.zeros(0, 4), "cls": torch.zeros(0)})["tp"]
    assert none.shape == (3, 10) and not none.any()


def test_select_stage_keeps_anchor_indices():
    from ultralytics.engine.task import SelectOptions

    y = answer(torch.full((1, 3, SIDE, SIDE), 20 / 255))
    (found,) = select_boxes((y, {}), SelectOptions(conf=0.001, multi_label=True))
    assert found.index.tolist() == [0, 1] and len(found) == 2 and found.extra.shape == (2, 0)
    (final,) = select_boxes(torch.rand(1, 5, 6), SelectOptions(conf=0.0, end2end=True))
    assert final.boxes.shape == (5, 4)


def test_coco_ids():
    assert len(COCO80_TO_91) == 80 and COCO80_TO_91[0] == 1 and COCO80_TO_91[-1] == 90 and 12 not in COCO80_TO_91
    assert coco_image_id("000000000042") == 42 and coco_image_id("a1") == "a1"


@pytest.mark.parametrize("backend", ["faster_coco_eval", "pycocotools"])
def test_coco_evaluation_agrees_with_ours(make, backend, monkeypatch):
    pytest.importorskip(backend)
    monkeypatch.setattr("ultralytics.engine.coco.BACKENDS", (backend,))
    rng = np.random.default_rng(0)
    noisy = [[(c, *(np.array(row) + rng.normal(0, 0.03, 4))) for c, *row in rows] for rows in LABELS]
    noisy[3] = [(2, 0.5, 0.5, 0.2, 0.2)]
    monkeypatch.setattr(Runtime, "rows_of", staticmethod(noisy.__getitem__))
    validator = make(save_json=True)
    stats = validator()
    ours = validator.metrics.results_dict
    for name in ("mAP50", "mAP50-95"):
        assert abs(stats[f"metrics/{name}(B)"] - ours[f"metrics/{name}(B)"]) < 0.02
    assert {"metrics/mAP_small(B)", "metrics/mAP_medium(B)", "metrics/mAP_large(B)"} <= set(stats)
    assert stats["fitness"] == pytest.approx(0.9 * stats["metrics/mAP50-95(B)"] + 0.1 * stats["metrics/mAP50(B)"])


def test_coco_evaluation_without_a_tool_keeps_our_figures(make, monkeypatch, caplog):
    monkeypatch.setattr("ultralytics.engine.coco.find_spec", lambda name: None)
    validator = make(save_json=True)
    stats = validator()
    assert stats == validator.metrics.results_dict and "ultralytics[extra]" in caplog.text


def test_coco_evaluation_of_nothing():
    truth = truth_from_labels(
        [{"im_file": "a.jpg", "shape": (10, 10), "cls": np.zeros((0, 1)), "bboxes": np.zeros((0, 4))}], [1], {0: "a"}
    )
    pytest.importorskip("faster_coco_eval")
    assert set(evaluate_coco(truth, []).values()) == {0.0}


def test_rectangular_exports_are_refused(make, monkeypatch):
    for name, value in (("format", "onnx"), ("dynamic", False), ("imgsz", [64, 96])):
        monkeypatch.setattr(Runtime, name, value)
    with pytest.raises(ValueError, match="squares"):
        make()()
