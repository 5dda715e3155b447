"""What all video applications share: arguments, tracks, results, windows."""

import logging

import cv2
import numpy as np
import pytest
import torch
from solutions_helpers import FakeModel, film, found, frame, row

from ultralytics.solutions.config import SolutionConfig
from ultralytics.solutions.solutions import BaseSolution, SolutionAnnotator, SolutionResults
from ultralytics.utils.log import LOGGER


class Boxes(BaseSolution):
    """Draws all boxes."""

    def process(self, im0):
        self.extract_tracks(im0)
        annotator = self.draw_on(im0)
        for box, cls, track, conf in zip(self.boxes, self.clss, self.track_ids, self.confs, strict=True):
            annotator.box_label(box, self.adjust_box_label(cls, conf, track) or "")
            self.store_tracking_history(track, box)
        self.display_output(annotator.result())
        return SolutionResults(plot_im=annotator.result(), total_tracks=len(self.track_ids))


@pytest.fixture
def log(caplog):
    LOGGER.addHandler(caplog.handler)
    yield caplog
    LOGGER.removeHandler(caplog.handler)


def boxes(*frames, **kwargs):
    return Boxes(**{"model": FakeModel(frames), "verbose": False, **kwargs})


def test_config_has_the_public_keys_and_defaults():
    config = SolutionConfig()
    assert (config.line_width, config.kpts, config.tracker) == (2, [6, 8, 10], "tracktrack.yaml")
    assert (config.conf, config.iou, config.meter_per_pixel, config.figsize) == (0.25, 0.7, 0.05, (12.8, 7.2))
    assert config.colormap == cv2.COLORMAP_DEEPGREEN
    assert config.update(region=[(0, 0), (5, 5)]) is config
    assert config.region == [(0, 0), (5, 5)]
    config.kpts.append(3)
    assert SolutionConfig().kpts == [6, 8, 10]


def test_half_is_quantize():
    assert SolutionConfig().update(half=True).quantize == 16
    assert SolutionConfig().update(half=False).quantize is None


@pytest.mark.parametrize(
    ("wrong", "kind", "text"),
    [
        ({"modle": 1}, ValueError, "model"),
        ({"regoin": 1}, ValueError, "region"),
        ({"zzz": 1}, ValueError, "crop_dir"),
        ({"conf": "x"}, TypeError, "conf"),
        ({"conf": 2}, ValueError, "0..1"),
        ({"region": 5}, TypeError, "two for a line"),
        ({"region": [(1,), (2, 3)]}, TypeError, "two for a line"),
        ({"region": []}, TypeError, "two for a line"),
        ({"analytics_type": "pies"}, ValueError, "pie"),
        ({"kpts": [1]}, TypeError, "three"),
        ({"colormap": 99}, ValueError, "OpenCV"),
        ({"vision_point": 3}, TypeError, "x and y"),
        ({"classes": "car"}, TypeError, "class numbers"),
        ({"pair": [3, 3]}, ValueError, "two tracks"),
        ({"calibration": [[1, 2, 3, 4]]}, ValueError, "four rows"),
        ({"line_width": 0}, ValueError, "1"),
    ],
)
def test_wrong_arguments_are_named(wrong, kind, text):
    with pytest.raises(kind, match=text):
        BaseSolution(verbose=False, **wrong)


def test_nothing_is_opened_before_it_is_needed():
    solution = BaseSolution(verbose=False)
    assert solution._model is None
    assert solution.CFG["model"] == "yolo26n.pt"
    with pytest.raises(FileNotFoundError):
        BaseSolution(model="not-there.pt", verbose=False)


def test_tracks_are_taken():
    solution = boxes([row(50, 60, 4, 1), row(90, 20, 2)], [], [row(52, 60, 4, 1)])
    first, second, third = film(solution, 3)
    assert (first.total_tracks, second.total_tracks, third.total_tracks) == (2, 0, 1)
    assert (solution.track_ids, solution.clss) == ([4], [1])
    assert solution.confs == [pytest.approx(0.9)]
    assert solution.track_history == {4: [(50, 60), (52, 60)], 2: [(90, 20)]}
    assert solution.model.calls[0] == {
        "persist": True,
        "classes": None,
        "verbose": False,
        **{"iou": 0.7, "conf": 0.25, "device": None, "max_det": 300, "quantize": None, "imgsz": 640},
        "tracker": "tracktrack.yaml",
    }


def test_empty_frames_warn_once(log):
    film(boxes(*[[]] * 20), 20)
    assert log.text.count("no tracks") == 1


@pytest.mark.parametrize("attribute", ["removed_stracks_frame", "removed_stracks"])
def test_history_is_bounded_and_removed_tracks_are_forgotten(attribute):
    solution = boxes(*[[row(i, 60, 4), *([row(90, 20, 2)] * (i < 40))] for i in range(50)])
    film(solution, 49)
    assert len(solution.track_history[4]) == len(solution.track_history[2]) == 30
    forgotten = []
    forget = solution.forget_tracks
    solution.forget_tracks = lambda tracks: (forgotten.append(tracks), forget(tracks))
    gone = [type("Track", (), {"track_id": i}) for i in (2, 77)]
    solution.model.predictor = type("P", (), {"trackers": [type("T", (), {attribute: gone})]})
    film(solution, 1)
    assert 2 not in solution.track_history
    assert forgotten == [[2]]  # 77 has never been seen
    with solution.given(found([row(5, 5, 9)], frame())):
        solution(frame())
    assert forgotten == [[2]]


def test_oriented_boxes():
    solution = Boxes(verbose=False)
    frame_ = frame()
    results = found([], frame_, obb=torch.tensor([[100.0, 100, 40, 20, 0.5, 7, 0.8, 1]]))
    with solution.given([results]):
        assert solution(frame_).total_tracks == 1
    assert tuple(solution.boxes.shape) == (1, 4, 2)
    assert solution.track_history[7][0] == pytest.approx((100, 100), abs=1e-3)
    x1, y1, x2, y2 = solution.get_enclosing_box(solution.boxes[0]).tolist()
    assert x1 < 85 and x2 > 115 and y1 < 85 and y2 > 115
    assert BaseSolution.get_enclosing_box(np.array([[1, 5], [3, 2]])).tolist() == [1, 2, 3, 5]


def test_labels():
    solution = boxes([row(5, 5, 1)])
    assert solution.adjust_box_label(1, 0.512, 7) == "7 triangle 0.51"
    assert solution.adjust_box_label(1, 0.5) == "triangle 0.50"
    solution.show_conf = False
    assert solution.adjust_box_label(0, 0.5, 3) == "3 circle"
    assert solution.adjust_box_label(9, 0.5, 3) == "3 9"
    solution.show_labels = False
    assert solution.adjust_box_label(0, 0.5, 3) is None


def test_results_tell_what_they_have():
    assert str(SolutionResults()) == ""
    results = SolutionResults(in_count=2, plot_im=frame(), mine="x")
    assert str(results) == "in_count=2, mine=x"
    assert "in_count=2" in repr(results)
    assert set(vars(SolutionResults())) == {
        *("plot_im", "in_count", "out_count", "classwise_count", "queue_count", "workout_count", "workout_angle"),
        *("workout_stage", "pixels_distance", "available_slots", "filled_slots", "email_sent", "total_tracks"),
        *("region_counts", "speed_dict", "total_crop_objects", "speed"),
    }


def test_times_and_log_lines(log):
    solution = boxes([row(50, 60, 4), row(20, 20, 1), row(30, 30, 2, 1)], [], verbose=True)
    result, _ = film(solution, 2)
    assert set(result.speed) == {"track", "solution"}
    assert all(value >= 0 for value in result.speed.values())
    assert "0: 200x200" in log.text and "2 circles, 1 triangle" in log.text
    assert "1: 200x200" in log.text and "(1, 3, 200, 200)" in log.text


@pytest.mark.parametrize("wrong", [None, "a.jpg", np.zeros((5, 5)), np.zeros((0, 5, 3))])
def test_frames_that_are_none(wrong):
    with pytest.raises(TypeError, match=r"\(H, W, 3\)"):
        boxes()(wrong)


def test_regions(log):
    solution = boxes()
    solution.initialize_region()
    assert len(solution.r_s.points) == 4 == len(solution.region)
    with pytest.raises(ValueError, match="two equal points"):
        equal = boxes(region=[(3, 4), (3, 4)])
        equal.initialize_region()
    solution.check_region(frame(100, 100), [(200, 10), (300, 10)])
    solution.check_region(frame(100, 100), [(200, 10), (300, 10)])
    assert log.text.count("outside of the picture, 100x100") == 1


def test_no_display_is_no_end(monkeypatch, log):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    film(boxes([row(5, 5, 1)], [row(5, 5, 1)], show=True), 2)
    assert log.text.count("cannot be shown") == 1


def test_a_window_is_closed_by_q(monkeypatch):
    shown = []
    monkeypatch.setattr("ultralytics.solutions.solutions.check_imshow", lambda warn=False: True)
    monkeypatch.setattr(cv2, "imshow", lambda name, picture: shown.append(picture.shape))
    monkeypatch.setattr(cv2, "waitKey", lambda wait: ord("q"))
    monkeypatch.setattr(cv2, "destroyAllWindows", lambda: None)
    solution = boxes([], [], show=True)
    film(solution, 2)
    assert solution.closed
    assert shown == [(200, 200, 3)]


def test_base_has_nothing_to_do():
    with pytest.raises(TypeError, match="process"):
        BaseSolution(verbose=False)(frame())


@pytest.mark.parametrize("size", [(32, 48), (160, 160), (1080, 1920), (4, 4)])
def test_everything_is_drawn_inside_pictures_of_any_size(size):
    """Plates stay inside, and nothing fails at the smallest picture."""
    image = np.zeros((*size, 3), np.uint8)
    height, width = size
    annotator = SolutionAnnotator(image)
    annotator.draw_region([(0, height / 2), (width, height / 2)])
    annotator.queue_counts_display("Queue Counts : 12", [(0, 0), (width, 0), (width, height)])
    annotator.display_analytics(image, {"Circle": "IN 3 OUT 4"}, (255, 255, 255), (104, 31, 17))
    annotator.plot_angle_and_count_and_stage(93.4, 3, "up", (width, height))
    annotator.plot_distance_and_line(12.3, [(0, 0), (width, height)])
    annotator.sweep_annotator(width // 2, height, "label")
    annotator.visioneye((0, 0, width, height), (-5, 3 * height))
    annotator.adaptive_label((0, 0, width, height), "person", shape="circle")
    annotator.adaptive_label((0, 0, width, height), "person")
    annotator.display_objects_labels(image, "x", (0, 0, 0), (255, 255, 255), width, height, 3)
    annotator.draw_specific_kpts([(1, 1, 0.9), (3, 3, 0.1), (2, 3, 0.9)], [0, 1, 2])
    annotator.trail([(0, 0), (width / 2, height / 2)], (255, 0, 0))
    assert annotator.result().any()
    with pytest.raises(ValueError, match="circle"):
        annotator.adaptive_label((0, 0, 5, 5), "x", shape="star")


def test_loggers_are_quiet_without_verbose(log):
    film(boxes([row(5, 5, 1)]), 1)
    assert [record for record in log.records if record.levelno <= logging.INFO] == []


def test_shapely_is_asked_for_where_it_is_used():
    solution = boxes()
    try:
        import shapely.geometry
    except ImportError:
        with pytest.raises(ImportError, match=r"ultralytics\[solutions\]"):
            _ = solution.Polygon
    else:
        assert solution.Polygon is shapely.geometry.Polygon
    with pytest.raises(AttributeError, match="no_such"):
        _ = solution.no_such
    assert not hasattr(solution, "no_such")
