"""Checking pictures and label files: every fault is named with file and line, and counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ultralytics.data.labels.verify import (
    KINDS,
    LabelRules,
    check_image,
    parse_label,
    scan_pair,
    verify_image,
    verify_image_label,
)

RULES = LabelRules(nc=3)


def problems(text: str, rules: LabelRules = RULES) -> list[tuple[str, int]]:
    return [(kind, line) for kind, line, _ in parse_label(text, rules)[1]]


def test_good_rows_keep_their_order_and_values():
    rows, found = parse_label("2 .5 .4 .3 .2\n\n0 0.1 0.1 0.2 0.2\n", RULES)
    assert found == []
    assert rows.cls.tolist() == [2, 0]
    np.testing.assert_allclose(rows.boxes, [[0.5, 0.4, 0.3, 0.2], [0.1, 0.1, 0.2, 0.2]])
    assert rows.segments == [] and rows.keypoints is None


@pytest.mark.parametrize(
    ("text", "kind", "line"),
    [
        ("0 .5 .5 .1\n", "wrong number of values", 1),
        ("0 .5 .5 .1 .1\n1 .5 .5 .1 .1 .1\n", "wrong number of values", 2),
        ("0 .5 .5 .1 .1\n99 .5 .5 .1 .1\n", "class id", 2),
        ("3 .5 .5 .1 .1\n", "class id", 1),
        ("-1 .5 .5 .1 .1\n", "class id", 1),
        ("1.5 .5 .5 .1 .1\n", "class id", 1),
        ("0 nan .5 .1 .1\n", "not a number", 1),
        ("0 inf .5 .1 .1\n", "not a number", 1),
        ("nan .5 .5 .1 .1\n", "not a number", 1),
        ("0 .5 .5 .1 .1\n0 x .5 .1 .1\n", "not a number", 2),
        ("0 1.5 .5 .1 .1\n", "coordinate out of range", 1),
        ("0 -.5 .5 .1 .1\n", "coordinate out of range", 1),
        ("0 .5 .5 -.005 .1\n", "coordinate out of range", 1),
        ("0 .1 .1 .2 .1 .2 .2\n0 .5 .5 .1 .1\n", "polygons and boxes in one file", 2),
        ("0 .1 .1 .2 .1 .2 .2 .3\n", "wrong number of values", 1),
    ],
)
def test_faulty_rows_are_named(text, kind, line):
    rows, found = parse_label(text, RULES)
    assert rows is None
    assert [(k, n) for k, n, _ in found] == [(kind, line)]
    assert KINDS[kind]


def test_all_faulty_lines_are_counted_but_only_some_shown():
    found = parse_label("9 .5 .5 .1 .1\n" * 20, LabelRules(nc=3))[1]  # equal rows: one left after removing duplicates
    assert len(found) == 1
    many = "".join(f"9 .5 .5 .1 .{i:02d}\n" for i in range(1, 21))
    found = parse_label(many, RULES)[1]
    assert len(found) == 5 and "15 more lines" in found[-1][2]


def test_rounding_beyond_the_border_is_tolerated():
    assert problems("0 1.005 -0.005 .1 .1\n") == []


def test_class_limit_is_off_for_single_class():
    assert problems("99 .5 .5 .1 .1\n", LabelRules(nc=3, single_cls=True)) == []
    assert problems("2 .5 .5 .1 .1\n") == []


@pytest.mark.parametrize(
    ("flat", "good"),
    [
        ("0 .5 .5 0 .2", "0 .5 .5 .2 .2"),
        ("0 .5 .5 .5 .5 .5 .5 .5 .5", "0 .1 .1 .5 .1 .5 .5 .1 .5"),  # a rotated box, all corners in one place
        ("0 .1 .2 .3 .4 .2 .3 .15 .25", "0 .1 .2 .3 .4 .3 .401"),  # all points on a diagonal; a thin triangle
        ("0 .1 .1 .9 .1 .9 .1 .1 .1", "0 .1 .1 .9 .1 .1 .1 .9 .101"),
    ],
)
def test_objects_without_area_are_left_out_and_told(flat, good):
    rows, found = parse_label(f"{good}\n{flat}\n", LabelRules(nc=1))
    assert len(rows.cls) == 1 and found == [("object without area", 2, "left out")]
    rows, found = parse_label(flat, LabelRules(nc=1))
    assert rows.boxes.shape == (0, 4) and len(found) == 1


def test_duplicates_are_dropped_in_place():
    rows, found = parse_label("1 .5 .5 .1 .1\n0 .2 .2 .1 .1\n1 .5 .5 .1 .1\n", RULES)
    assert rows.cls.tolist() == [1, 0]
    assert found == [("duplicate row", 3, "same as line 1; used once")]
    rows, found = parse_label("0 .1 .1 .2 .1 .2 .2\n" * 2, RULES)
    assert len(rows.segments) == 1 and found[0][0] == "duplicate row"


def test_polygons_become_boxes():
    rows, _ = parse_label("1 .1 .2 .3 .2 .3 .6\n0 0 0 1 0 1 1 0 1\n", RULES)
    np.testing.assert_allclose(rows.boxes, [[0.2, 0.4, 0.2, 0.4], [0.5, 0.5, 1, 1]], atol=1e-6)
    assert [len(points) for points in rows.segments] == [3, 4]


def test_keypoints_of_two_values_get_visibility():
    rows, found = parse_label("0 .5 .5 .2 .2 .4 .4 -1 -1\n", LabelRules(1, (2, 2)))
    assert found == []
    np.testing.assert_allclose(rows.keypoints, [[[0.4, 0.4, 1], [-1, -1, 0]]])
    assert problems("0 .5 .5 .2 .2 .4 .4\n", LabelRules(1, (2, 3))) == [("wrong number of values", 1)]


BOX, POLYGON, ROTATED = "0 .5 .5 .2 .2\n", "0 .1 .1 .9 .1 .9 .9 .1 .9 .05 .7 .05 .5\n", "0 .1 .1 .9 .1 .9 .9 .1 .9\n"
POSE = "0 .5 .5 .2 .2 .4 .4 2 .6 .6 1\n"
KINDS_OF_TASKS = {
    "detect": (RULES, {BOX, POLYGON, ROTATED}),
    "detect on a pose set": (LabelRules(3, pose_values=11), {BOX, POLYGON, ROTATED, POSE}),
    "segment": (LabelRules(3, polygons=True), {POLYGON, ROTATED}),
    "pose": (LabelRules(3, (2, 3)), {POSE}),
}


@pytest.mark.parametrize("task", KINDS_OF_TASKS)
def test_files_of_another_kind_are_left_out(task):
    rules, taken = KINDS_OF_TASKS[task]
    for text in (BOX, POLYGON, ROTATED, POSE):
        rows, found = parse_label(text, rules)
        assert (rows is not None) == (text in taken), (text, found)
        assert (found == []) == (text in taken) and all(KINDS[kind] and line == 1 for kind, line, _ in found)


def test_the_kind_of_a_file_is_named():
    many = "".join(f"0 .5 .5 .2 .{i}\n" for i in range(1, 9))
    for rules, kind, word in (
        (LabelRules(3, polygons=True), "boxes where polygons are needed", "class x1 y1 x2 y2 x3 y3"),
        (LabelRules(3, (2, 3)), "wrong number of values", "2 x 3"),
    ):
        rows, found = parse_label(many, rules)
        assert rows is None and [k for k, _, _ in found] == [kind] and word in found[0][2]
    assert problems(BOX + POLYGON, LabelRules(3, polygons=True)) == [("polygons and boxes in one file", 1)]
    assert problems(POSE + BOX, LabelRules(3, (2, 3))) == [("wrong number of values", 2)]


def test_detection_takes_the_boxes_of_pose_rows():
    rows, found = parse_label(POSE, LabelRules(3, pose_values=11))
    assert found == [] and rows.keypoints is None and rows.segments == []
    np.testing.assert_allclose(rows.boxes, [[0.5, 0.5, 0.2, 0.2]])


def test_missing_and_empty_label_files_are_background(make_set):
    images = make_set(2)
    labels = images.parents[1] / "labels" / "train"
    (labels / "000.txt").write_text("")
    missing = scan_pair(str(images / "001.jpg"), str(labels / "none.txt"), RULES)
    empty = scan_pair(str(images / "000.jpg"), str(labels / "000.txt"), RULES)
    assert missing.findings[0].kind == "missing label file" and len(missing.rows.cls) == 0
    assert empty.findings[0].kind == "empty label file" and empty.rows.boxes.shape == (0, 4)


def test_binary_label_file_is_named(make_set, tmp_path):
    image = make_set(1) / "000.jpg"
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe\x00")
    row = scan_pair(str(image), str(tmp_path / "bad.txt"), RULES)
    assert row.rows is None and row.findings[0].kind == "unreadable label file"


@pytest.mark.parametrize("damage", ["empty", "text", "half", "missing"])
def test_unusable_pictures_are_left_out(make_set, damage):
    image = make_set(1, size=(200, 300)) / "000.jpg"
    content = image.read_bytes()
    if damage == "missing":
        image.unlink()
    else:
        image.write_bytes({"empty": b"", "text": b"hello", "half": content[: len(content) // 2]}[damage])
    row = scan_pair(str(image), "none.txt", RULES)
    assert row.rows is None
    assert row.findings[0].file == str(image)
    assert row.findings[0].kind == ("missing image" if damage == "missing" else "unreadable image")


def test_jpeg_without_end_is_mended_in_memory(make_set):
    image = make_set(1, size=(120, 160)) / "000.jpg"
    content = image.read_bytes()[:-2]
    image.write_bytes(content)
    row = scan_pair(str(image), "none.txt", RULES)
    assert row.rows is not None and row.findings[0].kind == "mended JPEG"
    assert image.read_bytes() == content


def test_tiny_and_foreign_pictures_are_refused(tmp_path):
    import cv2

    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((9, 50, 3), np.uint8))
    with pytest.raises(ValueError, match="at least 10"):
        check_image(tmp_path / "a.png")
    from PIL import Image

    Image.new("RGB", (20, 20)).save(tmp_path / "b.ppm")
    with pytest.raises(ValueError, match="ppm"):
        check_image(tmp_path / "b.ppm")


def test_public_tuples(make_set):
    images = make_set(1)
    image, label = str(images / "000.jpg"), str(images.parents[1] / "labels" / "train" / "000.txt")
    out = verify_image_label((image, label, "train: ", False, 3, 0, 0, False))
    assert out[0] == image and out[1].shape == (1, 5) and out[2] == (48, 64) and tuple(out[5:9]) == (0, 1, 0, 0)
    Path(label).write_text("7 .5 .5 .1 .1\n")
    out = verify_image_label((image, label, "train: ", False, 3, 0, 0, False))
    assert out[:5] == [None] * 5 and tuple(out[5:9]) == (0, 1, 0, 1)
    assert out[9].startswith("train: ignoring corrupt image/label: ") and f"{label}:1" in out[9]
    assert verify_image(((image, 0), ""))[1:] == (1, 0, "")
