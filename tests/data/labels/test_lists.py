"""Labels and files are lists, of which nothing exists until somebody changes them."""

from __future__ import annotations

import copy
import json
import pickle
import random

import cv2
import numpy as np
import pytest

from ultralytics.data.labels.lists import FileList, LabelList, LateList, WatchedList, pack_dicts
from ultralytics.data.labels.table import LabelPacker, PackedStrings
from ultralytics.data.labels.verify import LabelRows

PATHS = [f"/set/images/{i:02d}.jpg" for i in range(5)]


def numbers(n=5):
    asked = []
    return LateList(n, lambda i: asked.append(i) or 10 * i), asked


def labels(polygons=False):
    packer = LabelPacker()
    for i, path in enumerate(PATHS):
        cls, boxes = np.arange(i, dtype=np.float32), np.full((i, 4), 0.1 * i, np.float32)
        segments = [np.full((4, 2), 0.1 * j, np.float32) for j in range(i)] if polygons else []
        packer.add(path, (48, 64), LabelRows(cls, boxes, segments, None))
    return LabelList(packer.finish())


def test_reading_makes_what_is_asked_for():
    late, asked = numbers()
    assert isinstance(late, list) and len(late) == 5 and bool(late) and not asked
    assert late[1] == 10 and late[-1] == 40 and late[1:3] == [10, 20] and asked == [1, 4, 1, 2]
    with pytest.raises(IndexError):
        late[5]
    assert not late.held and list.__len__(late) == 0


def test_it_is_the_list_that_it_shows():
    late, _ = numbers()
    plain = [0, 10, 20, 30, 40]
    other, _ = numbers()
    assert late == plain == late and late == other and late != plain[1:] and late < [1] and late >= other
    assert [*late] == list(late) == plain and tuple(late) == tuple(plain) and sorted(late, reverse=True) == plain[::-1]
    assert late + [1] == [*plain, 1] and [1] + late == [1, *plain]  # noqa: RUF005
    assert late + other == plain * 2 == late * 2 == 2 * late
    assert list(reversed(late)) == plain[::-1] and late.index(20) == 2 and late.count(10) == 1
    assert 30 in late and 31 not in late
    assert late.copy() == plain and type(late.copy()) is list and copy.deepcopy(late) == plain
    assert pickle.loads(pickle.dumps(late)) == plain and json.dumps(late) == json.dumps(plain)
    assert np.array(late).tolist() == plain and sum(late) == 100 and max(late) == 40 and dict(enumerate(late))[3] == 30
    assert set(random.sample(late, 5)) == set(plain)
    grown = [1]
    grown += late
    grown.extend(late)
    grown[:1] = late
    assert grown == plain * 3 and not late.held


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.append(7),
        lambda a: a.extend([7, 8]),
        lambda a: a.insert(1, 7),
        lambda a: a.pop(),
        lambda a: a.remove(20),
        lambda a: a.reverse(),
        lambda a: a.sort(key=lambda v: -v),
        lambda a: a.clear(),
        lambda a: a.__setitem__(2, 7),
        lambda a: a.__setitem__(slice(1, 3), [7]),
        lambda a: a.__delitem__(slice(0, 2)),
        lambda a: a.__iadd__([7]),
        lambda a: a.__imul__(2),
        lambda a: random.Random(0).shuffle(a),
    ],
)
def test_a_change_holds_all(change):
    late, _ = numbers()
    plain = list(late)
    change(late), change(plain)
    assert late.held and late == plain and len(late) == len(plain) and repr(late) == repr(plain)


def test_watched_lists_tell_before_they_change():
    seen = []
    watched = WatchedList([1, 2], lambda self: seen.append(list(self)))
    watched.append(3)
    watched[0] = 9
    del watched[1]
    assert seen == [[1, 2], [1, 2, 3], [9, 2, 3]] and watched == [9, 3]
    assert type(pickle.loads(pickle.dumps(watched))) is list


def test_files():
    files = FileList(PackedStrings(PATHS))
    assert files == PATHS and [*files][1:] == files[1:] and files.packed() is files.files
    assert pickle.loads(pickle.dumps(files)) == PATHS
    files.sort(reverse=True)
    assert files == PATHS[::-1] and files.packed() == PATHS[::-1]


def test_elements_of_arrays_are_those_of_the_data_set():
    made = labels()
    made[3]["cls"][0] = 9
    made[3]["bboxes"][1, 2] = 0.5
    assert not made.held and made.packed.cls.tolist() == [0, 0, 1, 9, 1, 2, 0, 1, 2, 3]
    assert made[3]["bboxes"][1].tolist() == pytest.approx([0.3, 0.3, 0.5, 0.3])


def test_changing_a_dictionary_changes_the_data_set():
    made = labels()
    one = made[2]
    assert made[2] is one
    made[4]["cls"] = np.zeros((1, 1), np.float32)
    made[4]["bboxes"] = np.full((1, 4), 0.2, np.float32)
    assert made.held and made[2] is one
    one["extra"] = "kept"
    for label in made:
        label.pop("shape")  # as code for the public class does in set_rectangle
    assert made[2]["extra"] == "kept" and made.sample(2)["extra"] == "kept"
    packed = made.packed
    assert np.diff(packed.offsets).tolist() == [0, 1, 2, 3, 1] and packed.shapes.tolist() == [[48, 64]] * 5


def test_changing_the_list_of_polygons_changes_the_data_set():
    made = labels(polygons=True)
    made[2]["segments"][1] = np.ones((6, 2), np.float32)
    assert made.held and made.packed.rows(2).segments[1].tolist() == [[1, 1]] * 6
    untouched = labels(polygons=True)
    assert len(untouched[3]["segments"]) == 3 and not untouched.held


def test_samples_are_copies():
    for made in (labels(polygons=True), LabelList.of([dict(label) for label in labels(polygons=True)])):
        one = made.sample(3)
        assert set(one) == {"im_file", "cls", "bboxes", "segments", "keypoints", "normalized", "bbox_format"}
        one["cls"][:], one["bboxes"][:], one["segments"][0][:] = 7, 7, 7
        assert made[3]["cls"].max() < 7 and made[3]["bboxes"].max() < 7 and made[3]["segments"][0].max() < 7


@pytest.mark.parametrize("held", [False, True])
def test_choosing(held):
    made = labels(polygons=True)
    if held:
        made.hold()
    assert [label["im_file"] for label in made.take([3, 1])] == [PATHS[3], PATHS[1]] == list(made.take([3, 1]).files)
    narrowed = made.narrowed(np.array([1, 3]), one_class=False)
    assert [label["cls"][:, 0].tolist() for label in narrowed] == [[], [], [1], [1], [1, 3]]
    assert [len(label["segments"]) for label in narrowed] == [0, 0, 1, 1, 2]
    assert narrowed.packed.cls.tolist() == [1, 1, 1, 3]
    assert not made.narrowed(None, one_class=True).packed.cls.any() and made.packed.cls.any()
    assert not made.without_polygons().packed.has_polygons and made.packed.has_polygons
    again = pickle.loads(pickle.dumps(made))
    assert isinstance(again, LabelList) and again.held == held
    np.testing.assert_array_equal(again.packed.boxes, made.packed.boxes)


def test_lists_of_others_are_taken_as_they_are():
    given = [dict(label, depth=i) for i, label in enumerate(labels())]
    made = LabelList.of(given)
    assert made.held and made[1] is given[1] and made.sample(4)["depth"] == 4
    assert LabelList.of(made) is made


def test_packing_other_formats(tmp_path):
    file = str(tmp_path / "a.png")
    cv2.imwrite(file, np.zeros((40, 80, 3), np.uint8))
    corners = {
        "im_file": file,
        "cls": [[1]],
        "bboxes": np.array([[8, 10, 24, 30]]),
        "segments": [np.array([[8, 10], [24, 10], [24, 30]])],
        "keypoints": np.array([[[8, 10, 2]]]),
        "bbox_format": "xyxy",
        "normalized": False,
    }
    packed = pack_dicts([corners])
    assert packed.shapes.tolist() == [[40, 80]]
    np.testing.assert_allclose(packed.boxes, [[0.2, 0.5, 0.2, 0.5]])
    np.testing.assert_allclose(packed.rows(0).segments[0], [[0.1, 0.25], [0.3, 0.25], [0.3, 0.75]])
    np.testing.assert_allclose(packed.keypoints, [[[0.1, 0.25, 2]]])
