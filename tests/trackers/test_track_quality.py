"""Writing tracks as MOT-Challenge rows, and their HOTA, MOTA and IDF1 on cases that are counted by hand."""

from __future__ import annotations

import importlib.util
import logging

import numpy as np
import pytest
import torch
from track_helpers import Finder, moving, write_film

from ultralytics import YOLO
from ultralytics.cfg.cli import entrypoint
from ultralytics.data.generators.film import Film
from ultralytics.data.generators.film_set import mot_rows
from ultralytics.data.mot import read_rows, write_rows
from ultralytics.engine.results import Results
from ultralytics.trackers.measure import TrackQuality, measure
from ultralytics.trackers.mot import recorded, track_rows, write_tracks

needs_trackeval = pytest.mark.skipif(
    importlib.util.find_spec("trackeval") is None, reason="trackeval, of the extra 'track-quality', is not installed"
)
SETTINGS = {"imgsz": 64, "verbose": False, "tracker": "bytetrack.yaml"}
BLANK = np.zeros((100, 100, 3), np.uint8)


def result(*rows, path="film.mp4", task="boxes") -> Results:
    """One frame; rows are x1, y1, x2, y2, id, conf, cls."""
    found = {task: torch.tensor(rows, dtype=torch.float32)} if rows else {"boxes": torch.zeros(0, 6)}
    return Results(BLANK, path, {0: "a", 1: "b"}, **found)


def track(number, *frames, left=0.0, cls=1, counts=1, width=10) -> np.ndarray:
    """A box that stands still at (left, 0) in some frames."""
    return np.array([[frame, number, left, 0, width, 10, counts, cls, 1] for frame in frames], float)


def quality(truth, *tracks, **more) -> TrackQuality:
    return measure(np.concatenate(truth), np.concatenate(tracks) if tracks else np.zeros((0, 9)), **more)


# Writing --------------------------------------------------------------------------------------------------------------

FILM = [result((1, 2, 11, 22, 5, 0.9, 1), (0, 0, 4, 4, 6, 0.8, 0)), result(), result((2, 2, 12, 22, 5, 0.7, 1))]
WRITTEN = [[1, 5, 1, 2, 10, 20, 0.9, 2, -1], [1, 6, 0, 0, 4, 4, 0.8, 1, -1], [3, 5, 2, 2, 10, 20, 0.7, 2, -1]]


def test_rows_of_results(tmp_path):
    np.testing.assert_allclose(read_rows(write_tracks(FILM, tmp_path / "out.csv")), WRITTEN)
    np.testing.assert_allclose(track_rows(iter(FILM)), WRITTEN, rtol=1e-6)
    np.testing.assert_allclose(track_rows([r.numpy() for r in FILM]), WRITTEN, rtol=1e-6)
    assert track_rows(FILM, stride=5)[:, 0].tolist() == [1, 1, 11]
    assert track_rows([]).shape == (0, 9)


def test_boxes_without_ids_are_no_tracks():
    assert track_rows([result((1, 2, 11, 22, 0.9, 1))]).shape == (0, 9)


def test_rotated_boxes_give_their_bounds():
    turned = result((50, 40, 20, 10, np.pi / 2, 3, 0.5, 1), task="obb")
    np.testing.assert_allclose(track_rows([turned]), [[1, 3, 45, 30, 10, 20, 0.5, 2, -1]], atol=1e-4)


def test_films_are_not_mixed(tmp_path):
    with pytest.raises(ValueError, match=r"several sources, 'film\.mp4' and 'other\.mp4'"):
        write_tracks([*FILM, result(path="other.mp4")], tmp_path / "out.csv")
    assert list(tmp_path.iterdir()) == []
    assert len(track_rows([result((0, 0, 1, 1, 1, 1, 0), path=f"{i}.jpg") for i in range(3)])) == 3


def test_a_stream_is_written_at_its_end_or_not_at_all(tmp_path):
    stream = recorded(iter(FILM), tmp_path / "out.csv")
    assert next(stream) is FILM[0] and not (tmp_path / "out.csv").exists()
    assert list(stream) == FILM[1:] and len(read_rows(tmp_path / "out.csv")) == 3

    def failing():
        yield FILM[0]
        raise OSError("unplugged")

    with pytest.raises(OSError, match="unplugged"):
        list(recorded(failing(), tmp_path / "other.csv"))
    next(left := recorded(iter(FILM), tmp_path / "other.csv"))
    left.close()
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


@pytest.fixture
def model(monkeypatch):
    network = YOLO("yolov8n.yaml")
    monkeypatch.setattr(YOLO, "_smart_load", lambda self, key: Finder)
    return network


@pytest.mark.parametrize("stream", [False, True])
def test_tracks_of_a_call(model, tmp_path, stream):
    film, file = write_film(tmp_path / "film.avi", moving()), tmp_path / "deep" / "out.csv"
    results = model.track(film, stream=stream, tracks=str(file), **SETTINGS)
    assert isinstance(results, list) != stream
    np.testing.assert_allclose(read_rows(file) if not stream else track_rows(results), read_rows(file), atol=1e-3)
    rows = read_rows(file)
    assert sorted(map(tuple, rows[:, :2].astype(int))) == [(frame, n) for frame in range(1, 13) for n in (1, 2)]
    list(model.track(film, vid_stride=4, tracks=file, **SETTINGS))
    assert set(read_rows(file)[:, 0]) == {1, 5, 9}


def test_faulty_files_of_tracks(model, tmp_path):
    film = write_film(tmp_path / "film.avi", moving(2))
    with pytest.raises(IsADirectoryError, match="is a folder"):
        model.track(film, **SETTINGS, tracks=tmp_path)
    with pytest.raises(TypeError, match="tracks=3"):
        model.track(film, **SETTINGS, tracks=3)


# Measuring ------------------------------------------------------------------------------------------------------------


@needs_trackeval
def test_true_tracks_are_perfect():
    rows = mot_rows(Film(1, size_hw=(120, 160), seconds=1))
    found = measure(rows, rows)
    assert (found.hota, found.deta, found.assa, found.mota, found.idf1) == pytest.approx((1, 1, 1, 1, 1))
    assert (found.switches, found.misses, found.false_boxes, found.frames) == (0, 0, 0, 30)
    assert found.true_boxes == found.found_boxes == len(rows) and found.true_tracks == found.found_tracks > 3


@needs_trackeval
def test_ids_that_change_places():
    """Two tracks exchange ids in the middle of four frames: every pair shares 2 of 4 + 4 - 2 frames."""
    truth = track(1, 1, 2, 3, 4), track(2, 1, 2, 3, 4, left=50)
    found = quality(truth, track(7, 1, 2), track(7, 3, 4, left=50), track(8, 3, 4), track(8, 1, 2, left=50))
    assert (found.deta, found.assa, found.hota) == pytest.approx((1, 2 / 6, (2 / 6) ** 0.5))
    assert (found.mota, found.idf1, found.switches) == (1 - 2 / 8, 0.5, 2)


@needs_trackeval
def test_misses_and_false_boxes():
    """Of 10 true boxes 8 are found, and 2 boxes are nothing: precision and recall of 0.8."""
    found = quality([track(1, *range(1, 11))], track(3, *range(1, 9)), track(4, 1, 2, left=50))
    assert (found.misses, found.false_boxes, found.switches, found.mota) == (2, 2, 0, pytest.approx(0.6))
    assert found.idf1 == pytest.approx(0.8) and found.deta == pytest.approx(8 / 12) and found.assa == pytest.approx(0.8)
    assert (found.true_tracks, found.found_tracks, found.true_boxes, found.found_boxes) == (1, 2, 10, 10)
    assert "HOTA 0.730  MOTA 0.600  IDF1 0.800  (10 frames, 1 true tracks, 2 found" in str(found)


@needs_trackeval
def test_overlap_of_a_half():
    """Half as wide: an overlap of 0.5 counts for MOTA and IDF1, and for 10 of HOTA's 19 limits."""
    found = quality([track(1, 1, 2)], track(1, 1, 2, width=5))
    assert (found.mota, found.idf1, found.hota) == (1, 1, pytest.approx(10 / 19))
    assert quality([track(1, 1, 2)], track(1, 1, 2, width=4.9)).mota == -1


@needs_trackeval
def test_nothing_found():
    found = quality([track(1, 1, 2)])
    assert (found.hota, found.mota, found.idf1, found.misses, found.found_tracks) == (0, 0, 0, 2, 0)


@needs_trackeval
def test_classes_are_counted_where_asked():
    truth = track(1, 1, 2, cls=1), track(2, 1, 2, left=50, cls=3)
    tracks = track(1, 1, 2, cls=1), track(2, 1, 2, left=50, cls=1)
    assert quality(truth, *tracks).mota == 1
    assert quality(truth, *tracks, classes=[0]).mota == pytest.approx(0)  # two false boxes for two true ones
    assert quality(truth, *tracks, classes=[2]).misses == 2
    with pytest.raises(ValueError, match="no true tracks of these classes in the rows"):
        quality(truth, *tracks, classes=[5])


@needs_trackeval
def test_rows_that_do_not_count():
    """What is found on a row that is marked 0 counts neither for nor against; a box beside it does."""
    truth = track(1, 1, 2), track(2, 1, 2, left=50, counts=0)
    found = quality(truth, track(1, 1, 2), track(2, 1, 2, left=50), track(3, 1, left=80))
    assert (found.true_boxes, found.found_boxes, found.false_boxes, found.misses) == (2, 3, 1, 0)


@needs_trackeval
def test_files_and_results(tmp_path, caplog):
    gt, tracks = write_rows(tmp_path / "gt.txt", WRITTEN), write_tracks(FILM, tmp_path / "out.csv")
    assert measure(gt, tracks) == measure(gt, FILM) == measure(str(gt), iter(FILM))
    with caplog.at_level(logging.INFO):
        entrypoint(f"measure gt={gt} tracks={tracks}")
    assert "hota         1.0000" in caplog.text and "true boxes   3" in caplog.text


@needs_trackeval
def test_faults_name_file_and_row(tmp_path):
    gt = write_rows(tmp_path / "gt.txt", WRITTEN)
    (tmp_path / "out.csv").write_text("1,1,0,0,5,5\n1,2,0,zero,5,5\n")
    with pytest.raises(ValueError, match=r"out\.csv: row 2: top is 'zero'"):
        measure(gt, tmp_path / "out.csv")
    with pytest.raises(FileNotFoundError, match=r"nothing\.txt"):
        measure(tmp_path / "nothing.txt", gt)
    with pytest.raises(ValueError, match=r"no true tracks in '.*empty\.txt'"):
        measure(write_rows(tmp_path / "empty.txt", np.zeros((0, 9))), gt)
    with pytest.raises(ValueError, match=r"'yolo measure' needs tracks="):
        entrypoint(f"measure gt={gt}")


@pytest.mark.skipif(importlib.util.find_spec("trackeval") is not None, reason="trackeval is installed")
def test_missing_extra_is_named():
    with pytest.raises(ImportError, match=r"ultralytics\[track-quality\]"):
        quality([track(1, 1)], track(1, 1))
