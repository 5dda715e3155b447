"""Results and their parts. Expected texts and rows were read off the published package, version 8.4.190."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from ultralytics.engine.results import OBB, Boxes, DepthMap, Keypoints, Masks, Probs, Results, SemanticMask

NAMES = {0: "cat", 1: "dog", 2: "bus"}
BOXES = [[1.0, 2, 30, 22, 0.91234567, 0], [5, 5, 70, 35, 0.5, 2], [5, 6, 71, 35, 0.4, 2]]
IDS = (7, 9, 3)
ROTATED = [[20.0, 20, 10, 6, 0.3, 0.9, 1], [40, 20, 20, 10, 1.2, 0.8, 2]]
POINTS = [[[3.0, 4, 0.9], [6, 7, 0.1]], [[13, 14, 0.9], [16, 17, 0.6]], [[23, 24, 0.9], [26, 27, 0.2]]]


def tracked(rows, ids):
    return [[*row[:-2], i, *row[-2:]] for row, i in zip(rows, ids, strict=True)]


def masks() -> torch.Tensor:
    data = torch.zeros(3, 40, 80)
    data[0, 2:22, 1:30] = 1
    data[1, 5:10, 5:20] = 1
    data[1, 20:30, 40:60] = 1
    data[2, 3, 3] = 1
    return data


def make(**parts) -> Results:
    parts = {k: torch.tensor(v) if isinstance(v, list) else v for k, v in parts.items()}
    return Results(np.zeros((40, 80, 3), np.uint8), "a/b.jpg", NAMES, **parts)


KINDS = {
    "box": lambda: make(boxes=BOXES),
    "track": lambda: make(boxes=tracked(BOXES, IDS)),
    "mask": lambda: make(boxes=BOXES, masks=masks()),
    "kpt": lambda: make(boxes=BOXES, keypoints=POINTS),
    "obb": lambda: make(obb=ROTATED),
    "long_track": lambda: make(boxes=tracked(BOXES, (1_234_567, 2_000_001, 3))),
    "obb_track": lambda: make(obb=tracked(ROTATED, (5, 6))),
    "probs": lambda: make(probs=[0.2, 0.7, 0.1]),
    "semantic": lambda: make(semantic_mask=torch.arange(3200).reshape(40, 80) % 3),
    "depth": lambda: make(depth=torch.rand(40, 80)),
    "nothing": lambda: make(),
    "empty": lambda: make(boxes=torch.zeros(0, 6)),
}


@pytest.fixture(params=KINDS)
def any_result(request) -> Results:
    return KINDS[request.param]()


def test_boxes_values():
    b = make(boxes=BOXES).boxes
    assert b.xyxy.tolist()[0] == [1, 2, 30, 22]
    assert b.xywh.tolist()[0] == [15.5, 12, 29, 20]
    np.testing.assert_allclose(b.xyxyn[0], [1 / 80, 2 / 40, 30 / 80, 22 / 40], rtol=1e-6)
    np.testing.assert_allclose(b.xywhn[0], [15.5 / 80, 12 / 40, 29 / 80, 20 / 40], rtol=1e-6)
    assert b.cls.tolist() == [0, 2, 2] and b.id is None and not b.is_track
    assert b.shape == (3, 6) and len(b) == 3 and b.orig_shape == (40, 80)


def test_boxes_follow_edits_of_data():
    b = make(boxes=BOXES).boxes
    b.data[0, 0] = 11
    assert b.xywh[0, 0] == 20.5


def test_boxes_of_one_row_and_track_ids():
    assert Boxes(torch.tensor(BOXES[0]), (40, 80)).data.shape == (1, 6)
    b = make(boxes=tracked(BOXES, IDS)).boxes
    assert b.is_track and b.id.tolist() == list(IDS) and b.conf[1] == 0.5


@pytest.mark.parametrize(
    ("cls", "shape", "text"),
    [(Boxes, (2, 5), "6 columns"), (OBB, (2, 6), "7 columns"), (Keypoints, (2, 3, 4), "Keypoints need"),
     (Masks, (1, 2, 3, 4), "Masks need"), (SemanticMask, (2, 3, 4), "needs")],
)  # fmt: skip
def test_wrong_shapes_are_named(cls, shape, text):
    with pytest.raises(ValueError, match=text):
        cls(torch.zeros(shape), (40, 80))


def test_wrong_type_is_named():
    with pytest.raises(TypeError, match="not list"):
        Boxes([[1, 2, 3, 4, 5, 6]], (40, 80))


def test_obb_values():
    o = make(obb=ROTATED).obb
    expected = [[23.89012, 24.34361], [25.66324, 18.61159], [16.10988, 15.65639], [14.33676, 21.38841]]
    np.testing.assert_allclose(o.xyxyxyxy[0], expected, atol=1e-4)
    np.testing.assert_allclose(o.xyxyxyxyn[0], np.array(expected) / [80, 40], atol=1e-5)
    np.testing.assert_allclose(o.xyxy[0], [14.33676, 15.65639, 25.66324, 24.34361], atol=1e-4)
    np.testing.assert_allclose(o.numpy().xyxy, o.xyxy.numpy(), atol=1e-5)
    assert o[:0].xyxy.shape == (0, 4) and o[:0].numpy().xyxy.shape == (0, 4)


def test_keypoints_keep_what_they_were_given():
    data = torch.tensor(POINTS)
    k = Keypoints(data, (40, 80))
    assert k.has_visible and k.conf.tolist() == data[..., 2].tolist()
    assert k.xy.tolist() == data[..., :2].tolist()
    np.testing.assert_allclose(k.xyn[0, 0], [3 / 80, 4 / 40], rtol=1e-6)
    assert Keypoints(data[..., :2], (40, 80)).conf is None
    assert Keypoints(data[0], (40, 80)).shape == (1, 2, 3)


def test_masks_outlines():
    m = make(boxes=BOXES, masks=masks()).masks
    assert m.xy[0].tolist() == [[1, 2], [1, 21], [29, 21], [29, 2]]
    np.testing.assert_allclose(m.xyn[0] * [80, 40], m.xy[0], rtol=1e-6)
    assert len(m.xy[1]) == 10, "two areas in one ring"
    assert m[1].shape == (1, 40, 80)
    assert Masks(torch.zeros(1, 8, 8), (8, 8)).xy[0].shape == (0, 2)


def test_masks_at_network_size_are_scaled_back():
    small = torch.zeros(1, 64, 64)
    small[0, 16:48] = 1  # the picture's part of a letterboxed 64 x 128 original
    xy = Masks(small, (64, 128)).xy[0]
    assert xy[:, 0].min() == 0 and xy[:, 0].max() == 126 and xy[:, 1].min() == 0


def test_probs():
    p = Probs(torch.tensor([0.1, 0.5, 0.15, 0.05, 0.12, 0.08]))
    assert p.top1 == 1 and p.top5 == [1, 2, 4, 0, 5] and p.top1conf == 0.5
    assert p.top5conf.tolist() == p.data[[1, 2, 4, 0, 5]].tolist()
    assert p.numpy().top5 == p.top5 and Probs(torch.tensor([0.3, 0.7])).top5 == [1, 0]


def test_dense_parts():
    assert len(DepthMap(torch.zeros(4, 5), (4, 5))) == 1 and len(DepthMap(torch.zeros(0, 5), (0, 5))) == 0
    assert KINDS["semantic"]()[0].semantic_mask.shape == (40, 80)


@pytest.mark.parametrize("kind", ["semantic", "depth"])
def test_a_map_is_a_list_of_one_item(kind):
    r = KINDS[kind]()
    part = r.depth if kind == "depth" else r.semantic_mask
    for whole in (0, -1, slice(0, 1), [0], torch.tensor([True]), np.array([0])):
        assert part[whole] is part and len(r[whole]) == 1
    for none in (slice(0, 0), [], torch.tensor([False]), np.array([], int), slice(1, 3)):
        assert len(part[none]) == 0 and part[none].shape == (0, 80) and len(r[none]) == 0
        assert r[none].plot().shape == (40, 80, 3) and r[none].summary() == []
    assert len(list(part)) == 1
    with pytest.raises(IndexError):
        part[1]
    with pytest.raises(IndexError):
        part[0:1, 0:5]


def test_depth_in_words_and_figures():
    metres = torch.tensor([[0.0, 1.0], [2.0, 5.0], [float("nan"), float("inf")]])
    r = Results(np.zeros((3, 2, 3), np.uint8), "a.jpg", {0: "depth"}, depth=metres)
    assert r.verbose() == "depth 1.00-5.00m, "
    assert r.summary() == [
        {"name": "depth", "min": 1.0, "max": 5.0, "mean": 2.66667, "median": 2.0, "valid_ratio": 0.5}
    ]
    r.update(depth=torch.zeros(3, 2))
    assert r.verbose() == "depth (no valid pixels), " and r.summary() == []


def test_depth_is_written_as_metres(tmp_path):
    r = KINDS["depth"]()
    assert r.save_txt(tmp_path / "labels" / "a.b.txt") == str(tmp_path / "labels" / "a.b.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "labels" / "a.b.npy"), r.depth.data.numpy())


def test_length_and_index():
    r = KINDS["mask"]()
    r.speed, r.save_dir = {"preprocess": 1, "inference": 2, "postprocess": 3}, "runs"
    part = r[1:]
    assert len(r) == 3 and len(part) == 2 and len(part.masks) == 2
    assert part.speed == r.speed and part.speed is not r.speed and part.save_dir == "runs"
    assert r[0].boxes.shape == (1, 6) and r[r.boxes.conf > 0.45].boxes.cls.tolist() == [0, 2]
    assert len(make()) == 0 and len(KINDS["probs"]()) == 3


def test_moves(any_result):
    as_numpy = any_result.numpy()
    assert as_numpy.verbose() == any_result.verbose() and as_numpy.summary() == any_result.summary()
    assert as_numpy.to("cpu").verbose() == any_result.cpu().verbose()
    for name in ("boxes", "masks", "probs", "keypoints", "obb", "semantic_mask", "depth"):
        if getattr(any_result, name) is not None:
            assert isinstance(getattr(as_numpy, name).data, np.ndarray)
    half = any_result.to(torch.bfloat16)
    assert half.numpy() is not None


def test_copies_and_pickles(any_result):
    for other in (copy.deepcopy(any_result), pickle.loads(pickle.dumps(any_result))):
        assert other.verbose() == any_result.verbose() and other.summary() == any_result.summary()
    assert Results.__module__ == "ultralytics.engine.results"


def test_update_clips_a_copy_and_keeps_the_rest():
    r, rows = KINDS["mask"](), torch.tensor([[-5.0, 3, 100, 50, 0.9, 1]])
    r.update(boxes=rows)
    assert r.boxes.data[0, :4].tolist() == [0, 3, 80, 40] and rows[0, 0] == -5 and r.masks is not None
    r.update(probs=torch.tensor([0.4, 0.6]), keypoints=torch.zeros(1, 2, 2), obb=torch.zeros(1, 7))
    assert r.probs.top1 == 1 and r.keypoints.shape == (1, 2, 2) and len(r.obb) == 1


@pytest.mark.parametrize(
    ("kind", "text"),
    [("box", "1 cat, 2 buss, "), ("obb", "1 dog, 1 bus, "), ("probs", "dog 0.70, cat 0.20, bus 0.10, "),
     ("nothing", "(no detections), "), ("empty", "(no detections), "), ("semantic", "")],
)  # fmt: skip
def test_verbose(kind, text):
    assert KINDS[kind]().verbose() == text


def test_summary_rows():
    assert KINDS["track"]().summary()[0] == {
        "name": "cat", "class": 0, "confidence": 0.91235, "track_id": 7,
        "box": {"x1": 1.0, "y1": 2.0, "x2": 30.0, "y2": 22.0},
    }  # fmt: skip
    assert KINDS["box"]().summary(normalize=True, decimals=3)[0]["box"] == {
        "x1": 0.013, "y1": 0.05, "x2": 0.375, "y2": 0.55,
    }  # fmt: skip
    assert KINDS["mask"]().summary()[0]["segments"] == {"x": [1.0, 1.0, 29.0, 29.0], "y": [2.0, 21.0, 21.0, 2.0]}
    assert KINDS["kpt"]().summary()[0]["keypoints"] == {"x": [3.0, 6.0], "y": [4.0, 7.0], "visible": [0.9, 0.1]}
    assert KINDS["obb"]().summary()[0]["box"] == {
        "x1": 23.89012, "y1": 24.34361, "x2": 25.66324, "y2": 18.61159,
        "x3": 16.10988, "y3": 15.65639, "x4": 14.33676, "y4": 21.38841,
    }  # fmt: skip
    assert KINDS["probs"]().summary()[1] == {"name": "cat", "class": 0, "confidence": 0.2}
    assert KINDS["semantic"]().summary()[0]["pixel_ratio"] == round(1067 / 3200, 5)
    assert KINDS["nothing"]().summary() == []


def test_tables(any_result):
    rows = any_result.summary()
    assert json.loads(any_result.to_json()) == rows and any_result.tojson() == any_result.to_json()
    csv = any_result.to_csv().splitlines()
    assert len(csv) == (len(rows) + 1 if rows else 0)
    pytest.importorskip("polars")
    assert any_result.to_df().height == len(rows)


def test_csv_text():
    assert KINDS["box"]().to_csv().splitlines()[:2] == [
        "name,class,confidence,box",
        "cat,0,0.91235,\"{'x1': 1.0, 'y1': 2.0, 'x2': 30.0, 'y2': 22.0}\"",
    ]


def test_data_frame_without_polars_names_the_extra(monkeypatch):
    monkeypatch.setattr("ultralytics.engine.results.tables.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"ultralytics\[logging\]"):
        KINDS["box"]().to_df()


@pytest.mark.parametrize(
    ("kind", "conf", "line"),
    [
        ("box", False, "0 0.19375 0.3 0.3625 0.5"),
        ("track", True, "0 0.19375 0.3 0.3625 0.5 0.912346 7"),
        ("mask", False, "0 0.0125 0.05 0.0125 0.525 0.3625 0.525 0.3625 0.05"),
        ("kpt", True, "0 0.19375 0.3 0.3625 0.5 0.0375 0.1 0.9 0.075 0.175 0.1 0.912346"),
        ("obb", True, "1 0.298627 0.60859 0.320791 0.46529 0.201373 0.39141 0.179209 0.53471 0.9"),
        ("long_track", False, "0 0.19375 0.3 0.3625 0.5 1234567"),
        ("obb_track", False, "1 0.298627 0.60859 0.320791 0.46529 0.201373 0.39141 0.179209 0.53471 5"),
        ("probs", False, "0.70 dog"),
    ],
)
def test_save_txt(kind, conf, line, tmp_path):
    file = tmp_path / "x" / "y.txt"
    assert KINDS[kind]().save_txt(file, save_conf=conf) == str(file)
    assert file.read_text().splitlines()[0] == line


def test_save_txt_appends_and_skips_what_is_no_polygon(tmp_path):
    file = tmp_path / "y.txt"
    KINDS["mask"]().save_txt(file)
    assert len(file.read_text().splitlines()) == 2, "one mask is a single pixel"
    KINDS["box"]().save_txt(file)
    assert len(file.read_text().splitlines()) == 5
    KINDS["empty"]().save_txt(tmp_path / "none.txt")
    KINDS["probs"]().save_txt(tmp_path / "probs.txt")
    assert not (tmp_path / "none.txt").exists()


def test_save_txt_of_a_class_map_writes_a_mask(tmp_path):
    result = KINDS["semantic"]()
    assert result.save_txt(tmp_path / "x" / "y.txt") == str(tmp_path / "x" / "y.png")
    saved = cv2.imread(str(tmp_path / "x" / "y.png"), cv2.IMREAD_UNCHANGED)
    assert saved.dtype == np.uint8 and np.array_equal(saved, result.semantic_mask.data.numpy())
    make(semantic_mask=torch.full((40, 80), 300)).save_txt(tmp_path / "z.txt")
    assert cv2.imread(str(tmp_path / "z.png"), cv2.IMREAD_UNCHANGED)[0, 0] == 300
    halves = torch.tensor([[0, 1]]).expand(40, 2).repeat(1, 40)
    one = Results(np.zeros((40, 80, 3), np.uint8), "a.jpg", {0: "thing"}, semantic_mask=halves)
    assert one.summary() == [{"name": "thing", "class": 0, "pixel_ratio": 0.5}]


def test_objects_left_out_of_a_file_are_told(tmp_path, caplog):
    KINDS["box"]().save_txt(tmp_path / "y.txt")
    KINDS["probs"]().save_txt(tmp_path / "y.txt")
    assert not caplog.text
    KINDS["mask"]().save_txt(tmp_path / "y.txt")
    assert f"left 1 of 3 objects out of {tmp_path / 'y.txt'}: masks of less than three corners" in caplog.text
    make(masks=masks()).save_txt(tmp_path / "y.txt")
    assert "left 3 of 3 objects out" in caplog.text and "no class" in caplog.text


@pytest.mark.parametrize(
    ("kind", "files"),
    [("box", {"cat/im.jpg", "bus/im.jpg", "bus/im-2.jpg"}), ("obb", {"dog/im.jpg", "bus/im.jpg"}), ("probs", set())],
)
def test_save_crop(kind, files, tmp_path):
    KINDS[kind]().save_crop(tmp_path)
    assert {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.jpg")} == files


def test_crops_stay_in_their_folder(tmp_path):
    r = Results(np.zeros((40, 80, 3), np.uint8), "b.jpg", {0: "../../out", 1: "a/b", 2: ""}, boxes=torch.tensor(BOXES))
    r.update(boxes=torch.tensor([[1.0, 2, 30, 22, 0.9, i] for i in range(3)]))
    r.save_crop(tmp_path / "crops")
    assert len(list((tmp_path / "crops").glob("*/im.jpg"))) == 3
    assert not [p for p in tmp_path.iterdir() if p.name != "crops"]


HOSTILE = {0: "x" * 5000, 1: "a\n0.99 b\x1b[2J", 2: "..", 3: "a/b", 4: "a_b"}


def test_crops_of_names_that_no_file_may_have(tmp_path):
    r = Results(np.zeros((40, 80, 3), np.uint8), "b.jpg", HOSTILE)
    r.update(boxes=torch.tensor([[1.0, 2, 30, 22, 0.9, i] for i in range(5)]))
    r.save_crop(tmp_path, file_name="y" * 300 + ".jpg")
    folders = sorted(p.name for p in tmp_path.iterdir())
    assert len(folders) == 5 and "a_b" in folders and all(len(name) <= 120 for name in folders)
    assert len(list(tmp_path.glob("*/y*.jpg"))) == 5


def test_names_are_shown_on_one_line_and_kept_in_values(tmp_path):
    r = Results(np.zeros((40, 80, 3), np.uint8), "b.jpg", HOSTILE, probs=torch.tensor([0.1, 0.5, 0.2, 0.1, 0.1]))
    for text in (r.verbose(), KINDS["box"]().verbose()):
        assert "\n" not in text and "\x1b" not in text
    assert "a\\n0.99 b\\x1b[2J 0.50" in r.verbose() and len(r.verbose()) < 250
    assert len(Path(r.save_txt(tmp_path / "r.txt")).read_text().splitlines()) == 5
    assert r.summary()[0]["name"] == HOSTILE[1]
    assert r.plot().shape == (40, 80, 3)


def test_save_and_default_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    r = KINDS["box"]()
    assert r.save() == "results_b.jpg" and Path("results_b.jpg").is_file()
    assert r.save(tmp_path / "ü.png") == str(tmp_path / "ü.png") and (tmp_path / "ü.png").is_file()
    with pytest.raises(ValueError, match="no picture format"):
        r.save("x.nope")
    r.path = "z" * 251 + ".jpg"
    assert Path(r.save()).is_file()


def test_text_form_lists_attributes():
    text = str(KINDS["box"]())
    assert text.startswith("ultralytics.engine.results.Results object with attributes:")
    assert "boxes: ultralytics.engine.results.Boxes object" in text and "masks: None" in text
    with pytest.raises(AttributeError, match="no attribute 'box'"):
        _ = KINDS["box"]().box


def test_plot_draws_on_a_copy(any_result):
    before = any_result.orig_img.copy()
    picture = any_result.plot()
    assert picture.shape == (40, 80, 3) and picture.dtype == np.uint8
    assert (any_result.orig_img == before).all()
    assert any_result.plot(pil=True).size == (80, 40)


def test_plot_switches():
    r = KINDS["box"]()
    plain = r.plot(boxes=False)
    assert (plain == 0).all()
    assert (r.plot(labels=False) != r.plot()).any() and (r.plot(conf=False) != r.plot()).any()
    assert (r.plot(color_mode="instance", labels=False) != r.plot(labels=False)).any()
    assert (KINDS["mask"]().plot(boxes=False)[10, 10] != 0).any()
    with pytest.raises(ValueError, match="color_mode"):
        r.plot(color_mode="rainbow")


@pytest.mark.parametrize("channels", [1, 4])
def test_plot_of_other_channel_counts(channels):
    r = Results(np.zeros((40, 80, channels), np.uint8), "b.jpg", NAMES, boxes=torch.tensor(BOXES))
    assert r.plot().shape == (40, 80, 3)
