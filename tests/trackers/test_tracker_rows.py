"""Rows of every tracker, filters and costs against the golden figures (`trackers.npz`)."""

import numpy as np
import pytest

from ultralytics.trackers.track import TRACKER_MAP
from ultralytics.trackers.utils.kalman_filter import KalmanFilterXYAH, KalmanFilterXYWH
from ultralytics.trackers.utils.matching import fuse_score, iou_distance, linear_assignment

RUNS = [
    *("run0.bytetrack.hbb", "run1.bytetrack.hbb", "run2.bytetrack.hbb", "run3.bytetrack.obb"),
    *("run4.botsort.hbb", "run5.botsort.hbb", "run6.botsort.obb", "run7.ocsort.hbb", "run8.ocsort.hbb"),
    *("run9.deepocsort.hbb", "run10.fasttrack.hbb", "run11.tracktrack.hbb"),
]


def frames(golden, name):
    ends = np.cumsum(golden[f"{name}.counts"])
    return np.split(golden[name], ends[:-1])


@pytest.mark.parametrize("run", RUNS)
def test_rows(golden, run):
    figures = golden("trackers")
    settings = figures.meta["runs"][run]
    tracker = TRACKER_MAP[settings["tracker_type"]](settings)
    image = np.zeros((*figures.meta["image_hw"], 3), np.uint8)
    given = frames(figures, f"in.{run.rpartition('.')[2]}")
    for number, (found, wanted) in enumerate(zip(given, frames(figures, run), strict=True)):
        rows = tracker.update(found, image)
        rows, wanted = (some[np.argsort(some[:, -1])] for some in (rows, wanted))
        assert rows.shape == wanted.shape and rows.dtype == np.float32, number
        assert np.array_equal(rows[:, -4:], wanted[:, -4:]), number  # id, score, class, row of the detection
        np.testing.assert_allclose(rows[:, :-4], wanted[:, :-4], atol=1e-3, err_msg=str(number))


@pytest.mark.parametrize(("name", "kind"), [("xyah", KalmanFilterXYAH), ("xywh", KalmanFilterXYWH)])
def test_filters(golden, name, kind):
    figures, motion = golden("trackers"), kind()

    def equal(got, key):
        np.testing.assert_allclose(got, figures[f"kf.{name}.{key}"], rtol=1e-9, atol=1e-9)

    z, states = figures[f"kf.{name}.z"], [motion.initiate(figures[f"kf.{name}.z"][0])]
    predicted = []
    for row in z[1:]:
        predicted.append(motion.predict(*states[-1]))
        states.append(motion.update(*predicted[-1], row))
    for key, pairs in (("", states), ("pred_", predicted)):
        equal(np.array([mean for mean, _ in pairs]), f"{key}mean")
        equal(np.array([covariance for _, covariance in pairs]), f"{key}cov")
    many = motion.multi_predict(*(np.array(part) for part in zip(*states[:4], strict=True)))
    equal(many[0], "multi_mean")
    equal(many[1], "multi_cov")
    mean, covariance = motion.project(*states[3])
    equal(mean, "project_mean")
    equal(covariance, "project_cov")
    for metric in ("maha", "gaussian"):
        equal(motion.gating_distance(*states[3], z, metric=metric), f"gating_{metric}")


def test_costs_and_assignment(golden):
    figures = golden("trackers")
    cost = figures["lap.cost"]
    for way, use_lap in (("lap", True), ("scipy", False)):
        matches, rows, columns = linear_assignment(cost, 0.35, use_lap=use_lap)
        assert np.array_equal(matches, figures[f"lap.matches_{way}"])
        assert np.array_equal(rows, figures[f"lap.unmatched_rows_{way}"])
        assert np.array_equal(columns, figures[f"lap.unmatched_cols_{way}"])

    class Seen:
        def __init__(self, score):
            self.score = score

    scored = [Seen(score) for score in figures["fuse.scores"]]
    np.testing.assert_allclose(fuse_score(cost, scored), figures["fuse.out"], rtol=1e-12)
    np.testing.assert_allclose(
        iou_distance(list(figures["ioudist.a"]), list(figures["ioudist.b"])), figures["ioudist.out"], atol=1e-6
    )
