"""Results of pictures in which nothing is found: every method of every part, in every kind of array."""

from __future__ import annotations

import copy
import inspect
import json
import pickle

import numpy as np
import pytest
import torch

from ultralytics.engine.results import OBB, Boxes, Keypoints, Masks, Probs, Results

HEIGHT, WIDTH = 40, 80
NAMES = {0: "cat", 1: "dog"}
NONE = {
    "boxes": {"boxes": (0, 6)},
    "tracks": {"boxes": (0, 7)},
    "masks": {"boxes": (0, 6), "masks": (0, HEIGHT, WIDTH)},
    "masks of the input's size": {"boxes": (0, 7), "masks": (0, 32, 64)},
    "masks alone": {"masks": (0, 32, 64)},
    "no masks at all": {"boxes": (0, 6), "masks": None},
    "keypoints": {"boxes": (0, 6), "keypoints": (0, 17, 3)},
    "keypoints without scores": {"boxes": (0, 7), "keypoints": (0, 17, 2)},
    "keypoints alone": {"keypoints": (0, 17, 3)},
    "rotated boxes": {"obb": (0, 7)},
    "rotated tracks": {"obb": (0, 8)},
    "nothing": {},
}
ARRAYS = {
    "torch": torch.zeros,
    "half": lambda shape: torch.zeros(shape, dtype=torch.bfloat16),
    "numpy": lambda shape: np.zeros(shape, np.float32),
}
PARTS = {"boxes": Boxes, "masks": Masks, "keypoints": Keypoints, "obb": OBB}
# For some objects: what a part's properties give has these shapes with N in front.
SHAPES = {
    "boxes": {"xyxy": (4,), "xywh": (4,), "xyxyn": (4,), "xywhn": (4,), "conf": (), "cls": ()},
    "masks": {"xy": [], "xyn": []},
    "keypoints": {"xy": (17, 2), "xyn": (17, 2)},
    "obb": {"xywhr": (5,), "xyxyxyxy": (4, 2), "xyxyxyxyn": (4, 2), "xyxy": (4,), "conf": (), "cls": ()},
}


@pytest.fixture(params=[(kind, array) for kind in NONE for array in ARRAYS], ids=" as ".join)
def result(request) -> Results:
    kind, array = request.param
    parts = {name: None if shape is None else ARRAYS[array](shape) for name, shape in NONE[kind].items()}
    return Results(np.zeros((HEIGHT, WIDTH, 3), np.uint8), "a/b.jpg", NAMES, **parts)


def test_shapes_and_types_of_no_objects(result):
    for name, properties in SHAPES.items():
        part = getattr(result, name)
        for key, shape in properties.items() if part is not None else ():
            value = getattr(part, key)
            if isinstance(shape, list):
                assert value == []
                continue
            assert value.shape == (0, *shape) and value.dtype == part.data.dtype and type(value) is type(part.data)


def test_a_part_without_objects(result):
    for part in (getattr(result, name) for name in PARTS):
        if part is None:
            continue
        chosen = (part[:0], part[[]], part[np.zeros(0, bool)], part.numpy()[np.zeros(0, int)])
        copies = (part.cpu(), part.numpy(), part.to("cpu"), *chosen)
        assert {other.shape for other in (part, *copies)} == {part.shape} and len(part) == 0
        assert getattr(part, "id", None) is None or part.id.shape == (0,)
        assert getattr(part, "conf", None) is None or len(part.conf) == 0
        assert "object with attributes" in str(part)


def test_every_method_of_results(result, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ultralytics.engine.plots.annotate.show_picture", lambda picture, title: None)
    assert len(result) == 0 and result.verbose() == "(no detections), "
    for other in (result.cpu(), result.numpy(), result.to("cpu"), result[:0], result[[]], result.new(), result.owned()):
        assert len(other) == 0 and other.verbose() == result.verbose()
    for other in (copy.deepcopy(result), pickle.loads(pickle.dumps(result))):
        assert len(other) == 0 and str(other)
    for conf in (False, True):
        assert result.save_txt(tmp_path / "labels" / "a.txt", save_conf=conf)
    assert result.save_crop(tmp_path / "crops") is None and list(tmp_path.iterdir()) == [], "nothing to write"
    for normalize in (False, True):
        assert result.summary(normalize=normalize) == json.loads(result.to_json(normalize=normalize)) == []
        assert result.tojson(normalize=normalize) == "[]" and result.to_csv(normalize=normalize) == ""
        assert len(result.to_df(normalize=normalize)) == 0
        assert isinstance(result.to_xml(normalize=normalize), str) and isinstance(result.to_html(normalize), str)
    result.to_sql(db_path=str(tmp_path / "rows.db"))
    assert not result.plot().any() and result.plot(pil=True).size == (WIDTH, HEIGHT)
    assert result.show() is None and result.save("x.jpg") == "x.jpg"
    parts = {name: getattr(result, name) for name in PARTS}
    result.update(**{name: None if part is None else part.data for name, part in parts.items()})
    result.update(**parts)
    assert len(result) == 0


def test_no_method_is_forgotten():
    """A new method of a part or of `Results` has to be tried without objects above."""
    tried = {
        "update", "cpu", "numpy", "to", "new", "owned", "plot", "show", "save", "verbose", "save_txt", "save_crop",
        "summary", "tojson", "to_json", "to_csv", "to_df", "to_xml", "to_html", "to_sql", "cuda", "shape", "id", "conf",
    } | {key for keys in SHAPES.values() for key in keys}  # fmt: skip
    for cls in (Results, *PARTS.values()):
        public = {name for name, _ in inspect.getmembers(cls) if not name.startswith("_")}
        assert public - tried <= {"coordinates", "has_visible"}, cls


def test_probabilities_of_no_classes():
    for data in (torch.zeros(0), np.zeros(0, np.float32)):
        probs = Probs(data)
        assert probs.top5 == [] and len(probs.top5conf) == 0 and len(probs) == 0
        with pytest.raises(ValueError, match="no classes"):
            _ = probs.top1
        result = Results(np.zeros((4, 4, 3), np.uint8), "a.jpg", {}, probs=data)
        assert result.summary() == [] and result.plot().shape == (4, 4, 3) and result.verbose() == ""
