"""Tracking as users call it: films, frames one by one, several streams, own trackers, what is written and drawn."""

import sys
import weakref
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from track_helpers import Finder, find_objects, frame_of, moving, write_film

from ultralytics import YOLO
from ultralytics.cfg.cli import run_mode
from ultralytics.cfg.errors import ConfigTypeError, ConfigValueError
from ultralytics.engine.results import Boxes, Results
from ultralytics.trackers import BYTETracker
from ultralytics.trackers.track import TRACKER_MAP, add_tracker, on_predict_postprocess_end, on_predict_start

SETTINGS = {"imgsz": 64, "verbose": False, "tracker": "bytetrack.yaml"}


@pytest.fixture
def model(monkeypatch):
    network = YOLO("yolov8n.yaml")
    monkeypatch.setattr(YOLO, "_smart_load", lambda self, key: Finder)
    return network


def ids(results) -> list:
    return [None if r.boxes.id is None else r.boxes.id.int().tolist() for r in results]


@pytest.mark.parametrize("tracker", [f"{name}.yaml" for name in TRACKER_MAP])
def test_a_film(model, tmp_path, tracker):
    film = write_film(tmp_path / "film.avi", moving(), fps=15)
    results = model.track(film, **{**SETTINGS, "tracker": tracker})
    assert ids(results) == [[1, 2]] * 12 and len(TRACKER_MAP) == 6
    boxes = results[5].boxes
    assert boxes.is_track and boxes.data.shape == (2, 7) and boxes.conf.tolist() == pytest.approx([0.9, 0.9])
    found = find_objects(results[5].orig_img)
    np.testing.assert_allclose(boxes.xyxy.numpy(), found[:, :4], atol=2)
    assert model.predictor.trackers[0].max_frames_lost == 15  # half a second
    assert model.predictor.args.mode == "track" and model.predictor.args.conf == 0.1


@pytest.mark.parametrize("mode", ["track", "predict"])
def test_the_command_line_keeps_no_results(model, tmp_path, monkeypatch, mode):
    """Of a long film they would fill the memory."""
    film, seen, alive = write_film(tmp_path / "film.avi", moving()), [], []

    def count(predictor):
        seen.extend(weakref.ref(result) for result in predictor.results)
        alive.append(sum(one() is not None for one in seen))

    model.add_callback("on_predict_batch_end", count)
    monkeypatch.setattr("ultralytics.cfg.cli.open_model", lambda *_: model)
    args = {"model": "x.pt", "source": film, **SETTINGS, "project": tmp_path, "save": False, "mode": mode}
    rows = {"tracks": tmp_path / "out.csv"} if mode == "track" else {}
    run_mode({**args, **rows})
    assert len(seen) == 12 and max(alive) <= 2
    assert not rows or len((tmp_path / "out.csv").read_text().splitlines()) == 24


def test_a_plain_predict_after_it_is_one(model, tmp_path):
    film = write_film(tmp_path / "film.avi", moving(4))
    assert ids(model.track(film, **SETTINGS)) == [[1, 2]] * 4
    assert ids(model.predict(film, imgsz=64, verbose=False)) == [None] * 4
    assert model.predictor.args.conf == 0.25
    assert ids(model.track(film, **SETTINGS, conf=None)) == [[1, 2]] * 4
    assert model.predictor.args.conf == 0.1
    assert sum(isinstance(f, partial) for f in model.callbacks["on_predict_start"]) == 1


def test_persist_keeps_tracks_across_calls(model):
    frames = moving(6)
    seen = [ids(model.track(frame, persist=True, **SETTINGS))[0] for frame in frames]
    assert seen == [[1, 2]] * 6 and model.predictor.trackers[0].frame_id == 6
    later = frame_of([(100, 100, 130, 120)])  # somebody else, where nobody was
    assert ids(model.track(later, persist=True, **SETTINGS)) == [None]  # not sure of it yet
    assert ids(model.track(later, persist=True, **SETTINGS)) == [[3]]
    assert ids(model.track(frames[0], persist=False, **SETTINGS)) == [[1, 2]]
    assert model.predictor.trackers[0].frame_id == 1


def test_persist_with_another_picture_size_and_settings(model):
    for tracker in ("bytetrack.yaml", "botsort.yaml"):
        settings = {**SETTINGS, "tracker": tracker}
        model.track(moving(1)[0], persist=True, **settings)
        kept = model.predictor.trackers[0]
        assert kept.frame_id == 1  # another tracker starts anew
        model.track(frame_of([(10, 20, 50, 50)], (96, 200)), persist=True, **settings)
        model.predict(moving(1)[0], imgsz=64, verbose=False)  # in between, and not its business
        model.track(np.ascontiguousarray(moving(1)[0][:, :, 0]), persist=True, **settings)
        assert model.predictor.trackers[0] is kept and kept.frame_id == 3


def test_empty_frames_age_tracks(model):
    empty = frame_of([])
    for frame in [*moving(2), *[empty] * 40]:
        (result,) = model.track(frame, persist=True, **SETTINGS)
    assert len(result) == 0 and result.boxes.id is None
    tracker = model.predictor.trackers[0]
    assert tracker.frame_id == 42 and not tracker.lost_stracks and len(tracker.removed_stracks) == 2


def test_a_new_film_starts_anew_unless_told_otherwise(model, tmp_path):
    a, b = (write_film(tmp_path / f"{name}.avi", moving(3)) for name in "ab")
    frames = []
    for options in ({}, {"save": True, "project": str(tmp_path / "runs")}):
        frames.clear()
        model.add_callback("on_predict_batch_end", lambda p: frames.append(p.trackers[0].frame_id))
        assert ids(model.track([a, b], **SETTINGS, **options)) == [[1, 2]] * 6
        assert frames == [1, 2, 3, 1, 2, 3]
        frames.clear()
        model.track([a, b], persist=True, **SETTINGS, **options)
        assert frames[-6:] == [1, 2, 3, 4, 5, 6] or frames[-6:] == [4, 5, 6, 7, 8, 9]
        model.reset_callbacks()


def test_pictures_of_a_folder_are_one_film(model, tmp_path):
    import cv2

    for i, frame in enumerate(moving(5)):
        cv2.imwrite(str(tmp_path / f"{i:03}.png"), frame)
    assert ids(model.track(tmp_path, batch=2, **SETTINGS)) == [[1, 2]] * 5
    assert ids(model.track(moving(5), **SETTINGS)) == [[1, 2]] * 5


def test_streams_have_trackers_of_their_own(model, tmp_path):
    films = [write_film(tmp_path / f"{n}.avi", moving(8, n), fps=30) for n in (1, 2)]
    (tmp_path / "both.streams").write_text("\n".join(films), encoding="utf-8")
    results = model.track(tmp_path / "both.streams", stream=True, stream_buffer=True, **SETTINGS)
    seen = {film: [] for film in films}
    for result in results:
        seen[result.path].append(result.boxes.id.int().tolist())
    assert len(model.predictor.trackers) == 2
    assert {tuple(map(tuple, rows)) for rows in seen.values()} <= {((1,),) * 8, ((1, 2),) * 8}


def test_an_address_that_is_given_twice_has_two_trackers(model, tmp_path):
    """Each takes every frame once, also where a third stream has ended and the batch is shorter than the sources."""
    film, short = (write_film(tmp_path / f"{n}.avi", moving(n)) for n in (6, 2))
    (tmp_path / "all.streams").write_text("\n".join([short, film, film]), encoding="utf-8")
    for result in model.track(tmp_path / "all.streams", stream=True, stream_buffer=True, **SETTINGS):
        assert result.boxes.id.int().tolist() == [1, 2]
    assert [tracker.frame_id for tracker in model.predictor.trackers] == [2, 6, 6]


def test_what_is_written_and_drawn(model, tmp_path):
    film = write_film(tmp_path / "film.avi", moving(3))
    options = {"save": True, "save_txt": True, "save_crop": True, "project": str(tmp_path / "runs"), "name": "a"}
    results = model.track(film, **SETTINGS, **options)
    lines = (tmp_path / "runs" / "a" / "labels" / "film_2.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split()[-1] for line in lines] == ["1", "2"] and len(lines[0].split()) == 6
    assert list((tmp_path / "runs" / "a").glob("film.*"))
    assert results[0].summary()[1]["track_id"] == 2
    drawn, plain = results[0].plot(), results[0].plot(labels=False)
    assert drawn.shape == (128, 160, 3) and not np.array_equal(drawn, plain)


def test_callbacks_of_users_see_the_ids(model):
    seen = []
    model.add_callback("on_predict_postprocess_end", lambda predictor: seen.append(predictor.results[0].boxes.id))
    model.track(moving(1)[0], **SETTINGS)
    assert seen[0].tolist() == [1, 2] and model.predictor.outputs is None


def test_callbacks_as_public_scripts_register_them(model):
    model.add_callback("on_predict_start", partial(on_predict_start, persist=True))
    model.add_callback("on_predict_postprocess_end", partial(on_predict_postprocess_end, persist=True))
    seen = [ids(model.predict(frame, mode="track", **SETTINGS))[0] for frame in moving(3)]
    assert seen == [[1, 2]] * 3


def test_models_without_boxes_are_refused(tmp_path):
    with pytest.raises(ConfigValueError, match="models for 'classify' cannot track"):
        YOLO("yolov8n-cls.yaml").track(moving(1)[0])


# Trackers of users ----------------------------------------------------------------------------------------------------


class Numbering:
    """Every detection is an object of its own."""

    def __init__(self, args):
        self.args, self.frames = args, 0

    def update(self, detections, image):
        self.frames += 1
        data = detections.data
        first = self.args.first
        return np.array([[*row[:4], first + i, *row[4:], i] for i, row in enumerate(data)], np.float32)


def test_a_tracker_of_ones_own_by_decorator(model, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("tracker_type: numbering\nfirst: 7\n", encoding="utf-8")
    add_tracker("numbering")(Numbering)
    try:
        results = model.track(moving(3), **{**SETTINGS, "tracker": str(file)})
    finally:
        del TRACKER_MAP["numbering"]
    assert ids(results) == [[7, 8]] * 3 and model.predictor.trackers[0].frames == 3
    with pytest.raises(ValueError, match="is a tracker of this package"):
        add_tracker("botsort")


def test_a_tracker_of_ones_own_by_name(model, tmp_path, monkeypatch):
    (tmp_path / "own_tracking.py").write_text(
        "from ultralytics.trackers import BYTETracker\n\nclass Patient(BYTETracker):\n    pass\n\nnumber = 1\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    file = tmp_path / "mine.yaml"
    settings = {**SETTINGS, "tracker": str(file)}
    file.write_text("tracker_type: own_tracking:Patient\ntrack_buffer: 60\n", encoding="utf-8")
    assert ids(model.track(moving(3), **settings)) == [[1, 2]] * 3
    assert model.predictor.trackers[0].max_frames_lost == 60
    for kind, words, error in (
        ("own_tracking:number", "no class with update", ConfigTypeError),
        ("own_tracking:Missing", "no class with update", ConfigTypeError),
        ("no_such_module:Tracker", "no module 'no_such_module'", ImportError),
        ("bytetrak", "Did you mean bytetrack", ConfigValueError),
    ):
        file.write_text(f"tracker_type: {kind}\n", encoding="utf-8")
        with pytest.raises(error, match=words):
            model.track(moving(1), **settings)
    sys.modules.pop("own_tracking", None)


def test_yamls_with_mistakes(model, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("tracker_type: bytetrack\ntrack_bufer: 3\n", encoding="utf-8")
    with pytest.raises(ConfigValueError, match=r"mine\.yaml.*'track_bufer'; did you mean track_buffer"):
        model.track(moving(1), **{**SETTINGS, "tracker": str(file)})
    with pytest.raises(FileNotFoundError, match=r"did you mean 'botsort\.yaml'"):
        model.track(moving(1), **{**SETTINGS, "tracker": "botsrt.yaml"})


# A tracker alone ------------------------------------------------------------------------------------------------------


def test_whatever_form_detections_have():
    rows = np.array([[10, 20, 50, 60, 0.9, 1], [70, 20, 90, 60, 0.8, 0]], np.float32)
    image = np.zeros((128, 160, 3), np.uint8)
    boxes = Boxes(torch.from_numpy(rows), (128, 160))
    plain = SimpleNamespace(xyxy=rows[:, :4], conf=rows[:, 4], cls=rows[:, 5])
    results = Results(image, "x.jpg", {0: "a", 1: "b"}, boxes=torch.from_numpy(rows))
    tensor = torch.from_numpy(rows)
    forms = [rows, tensor, rows.tolist(), list(tensor), boxes, boxes.numpy(), plain, results]
    expected = BYTETracker().update(rows)
    assert expected.shape == (2, 8) and expected[:, 4].tolist() == [1, 2] and expected[:, 7].tolist() == [0, 1]
    np.testing.assert_allclose(expected[:, :4], rows[:, :4], atol=1e-4)
    for form in forms[1:]:
        np.testing.assert_allclose(BYTETracker().update(form, image), expected, atol=1e-4)
    for wrong in (rows[:, :5], np.zeros((2, 6, 2)), "boxes", SimpleNamespace(xyxy=rows)):
        with pytest.raises((TypeError, ValueError), match=r"Results, Boxes or OBB|could not convert"):
            BYTETracker().update(wrong)


def test_boxes_that_are_none_are_left_out(caplog):
    rows = np.array(
        [[10, 20, 50, 60, 0.9, 1], [np.nan, 0, 5, 5, 0.9, 0], [0, 0, 9, 9, np.inf, 0], [5, 5, 5, 9, 0.9, 0]], np.float32
    )
    tracker = BYTETracker()
    assert tracker.update(rows)[:, -1].tolist() == [0] and "2 of 4 detections are not finite" in caplog.text
    assert tracker.update(rows[::-1])[:, -1].tolist() == [3]
