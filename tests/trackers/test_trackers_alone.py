"""What all trackers have in common when they are used alone, and what each is made for."""

import itertools
import math
import tracemalloc

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ultralytics.engine.results import OBB, Boxes
from ultralytics.trackers import BOTSORT, OCSORT, TRACKTRACK, BYTETracker, DeepOCSORT, FASTTracker
from ultralytics.trackers.byte_tracker import STrack
from ultralytics.trackers.utils.kalman_filter import KalmanFilterXYAH
from ultralytics.trackers.utils.stracks import (
    joint_stracks,
    multi_gmc,
    parse_bboxes,
    remove_duplicate_stracks,
    sub_stracks,
)

ALL = [BYTETracker, BOTSORT, OCSORT, DeepOCSORT, FASTTracker, TRACKTRACK]
STILL = {BOTSORT: {"gmc_method": "none"}, TRACKTRACK: {"gmc_method": "none"}}


def make(cls, **settings):
    return cls({**STILL.get(cls, {}), **settings})


def square(x, y, size=20, score=0.9, cls=0) -> list[float]:
    return [x, y, x + size, y + size, score, cls]


def crowd(rng, frames, objects=6, oriented=False):
    """Frames of objects that move, are missed at times, and stand among false alarms."""
    place, speed = rng.uniform(50, 400, (objects, 2)), rng.normal(0, 3, (objects, 2))
    size = rng.uniform(20, 60, (objects, 2))
    for _ in range(frames):
        place += speed
        seen = rng.random(objects) < 0.85
        score = rng.uniform(0.05, 1, objects)
        centre = place + rng.normal(0, 1, place.shape)
        turn = [rng.uniform(-0.3, 0.3, objects)] if oriented else []
        box = (centre, size) if oriented else (centre - size / 2, centre + size / 2)
        yield np.column_stack((*box, *turn, score, np.arange(objects) % 3)).astype(np.float32)[seen]


@pytest.mark.parametrize("cls", ALL)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**31), oriented=st.booleans())
def test_laws(cls, seed, oriented):
    """An id is given once and never again after its track has ended; rows tell of detections of this frame."""
    tracker, ended, last = make(cls, track_buffer=3), set(), 0
    for found in crowd(np.random.default_rng(seed), 40, oriented=oriented):
        rows = tracker.update(found)
        assert rows.dtype == np.float32 and rows.shape[1] == 8 + oriented and np.isfinite(rows).all()
        ids, index = rows[:, -4].astype(int).tolist(), rows[:, -1].astype(int)
        assert len(set(ids)) == len(ids) and len(set(index.tolist())) == len(index) and not ended & set(ids)
        np.testing.assert_array_equal(rows[:, -3:-1], found[index, -2:])
        fresh = [number for number in ids if number > last]
        last = max([last, *fresh])
        alive = {track.track_id for track in [*tracker.tracked_stracks, *tracker.lost_stracks]}
        ended |= {track.track_id for track in tracker.removed_stracks}
        assert set(ids) <= alive and not ended & alive
    tracker.reset()
    assert tracker.frame_id == 0 and not tracker.tracked_stracks
    again = tracker.update([square(10, 10)])
    assert again[:, -4].tolist() == [1]


@pytest.mark.parametrize("cls", ALL)
def test_a_thousand_empty_frames(cls):
    tracker, image = cls(), np.zeros((64, 64, 3), np.uint8)
    assert len(tracker.update([square(10, 10)], image)) == 1
    for empty in [np.zeros((0, 6)), Boxes(torch.zeros(0, 6), (64, 64)), []] * 333:
        assert tracker.update(empty, image).shape == (0, 8)
    assert tracker.frame_id == 1000 and not tracker.lost_stracks and len(tracker.removed_stracks) == 1
    assert cls().update(OBB(torch.zeros(0, 7), (64, 64)), image).shape == (0, 9)


@pytest.mark.parametrize("cls", ALL)
def test_an_object_keeps_its_id_while_it_is_missed(cls):
    tracker = make(cls, track_buffer=10)
    seen = []
    for t in range(30):
        found = [] if 10 <= t < 16 else [square(10 + 2 * t, 20, 40)]
        seen.append(tracker.update(np.array(found, np.float32).reshape(-1, 6))[:, 4].tolist())
    assert seen[:10] == [[1]] * 10 and seen[10:16] == [[]] * 6 and seen[16:] == [[1]] * 14


@pytest.mark.parametrize("cls", ALL)
def test_the_buffer_is_a_time(cls):
    def frames_kept(rate):
        tracker = make(cls, track_buffer=6)
        tracker.frame_rate = rate
        for _ in range(4):
            tracker.update([square(10, 20, 40)])
        count = 0
        while not tracker.removed_stracks and count < 200:
            tracker.update(np.zeros((0, 6)))
            count += 1
        return count

    assert frames_kept(60) - frames_kept(30) == 6 and frames_kept(30) - frames_kept(15) == 3


def test_a_score_at_the_threshold_counts_as_strong():
    tracker = BYTETracker({"track_high_thresh": 0.5, "new_track_thresh": 0.5})
    assert len(tracker.update([square(10, 10, score=0.5)])) == 1


def test_weak_detections_go_on_with_tracks_but_start_none():
    tracker = BYTETracker()
    assert not len(tracker.update([square(10, 10, score=0.2)]))
    tracker.update([square(10, 10)])
    tracker.update([square(10, 10)])
    rows = tracker.update([square(10, 10, score=0.15), square(100, 100, score=0.15)])
    assert rows[:, 4].tolist() == [1] and rows[:, 7].tolist() == [0]


def test_angles_do_not_jump():
    tracker, angles = BYTETracker(), []
    for t in range(12):
        turn = 0.3 * t
        # The same box, told with its sides exchanged at times, and with an angle inside of a quarter turn.
        w, h, angle = (60, 20, turn) if t % 2 else (20, 60, turn + math.pi / 2)
        angle = (angle + math.pi / 2) % math.pi - math.pi / 2
        (row,) = tracker.update([[100, 100, w, h, angle, 0.9, 0]])
        assert row[5] == 1 and row[2] == pytest.approx(60, abs=1) and row[3] == pytest.approx(20, abs=1)
        angles.append(row[4])
    np.testing.assert_allclose(np.diff(angles), 0.3, atol=1e-4)


def test_lost_tracks_are_found_where_they_were_last_seen():
    tracker = OCSORT({"track_buffer": 30})
    for t in range(8):
        tracker.update([square(10 + 12 * t, 20, 40)])
    for _ in range(6):
        tracker.update([])  # the prediction runs away to the right
    where = 10 + 12 * 7 + 6
    assert tracker.update([square(where, 20, 40)])[:, 4].tolist() == [1]
    speed = tracker.tracked_stracks[0].mean[4]
    assert abs(speed) < 6  # 6 pixels in 7 frames, not 12 a frame


def test_a_hidden_object_is_waited_for():
    still = square(100, 100, 30)
    big = [80, 80, 160, 160, 0.95, 1]
    plain, patient = BYTETracker({"track_buffer": 3}), FASTTracker({"track_buffer": 3})
    for tracker in (plain, patient):
        for _ in range(6):
            tracker.update([still, [300, 300, 380, 380, 0.95, 1]])
    ids = {}
    for tracker in (plain, patient):
        for _ in range(12):
            tracker.update([big])
        tracker.update([big, still])
        ids[tracker] = [int(row[4]) for row in tracker.update([big, still]) if row[7] == 1]
    assert ids[plain] != [1] and ids[patient] == [1]


def test_how_long_an_object_is_waited_for():
    """Two frames, or from where it is found hidden ten, that one counted; meanwhile nothing starts in its place."""
    still = square(100, 100, 40)
    near, over = ([left, 90, left + 100, 160, 0.95, 1] for left in (116, 104))  # cover 0.6 and 0.9 of it
    weak = square(106, 100, 40, 0.3)  # costs too much to be linked, and overlaps by 0.74

    def in_sight(tracker):
        return [track.track_id for track in tracker.tracked_stracks]

    for covered, patience in ((99, 2), (1, 10), (2, 11), (3, 12)):
        tracker = FASTTracker()
        for _ in range(6):
            tracker.update([near, still])
        missed = 0
        while 2 in in_sight(tracker):
            missed += 1
            tracker.update([over if missed >= covered else near])
        assert missed - 1 == patience
    tracker = FASTTracker({"match_thresh": 0.5})
    tracker.update([still])
    tracker.update([still])
    for _ in range(2):
        tracker.update([weak])
        assert in_sight(tracker) == [1]
    tracker.update([weak])
    assert in_sight(tracker) == [2]


def test_two_boxes_of_a_new_object_start_one_track():
    """Of boxes that overlap by 0.74 in a chain, the ends overlap by 0.54."""
    found = [[104.5, 28.1, 142.9, 62.7, 0.34, 0], [107.2, 28.4, 142.7, 61.3, 0.29, 0]]
    assert FASTTracker().update(found)[:, 7].tolist() == [0]
    assert FASTTracker().update(found[::-1])[:, 7].tolist() == [1]  # the better one, not the first
    assert FASTTracker({"init_iou_suppress": 0.99}).update(found)[:, 7].tolist() == [0, 1]
    chain = [square(100 + 6 * i, 100, 40, score) for i, score in enumerate((0.7, 0.8, 0.9))]
    assert FASTTracker().update(chain)[:, 7].tolist() == [0, 2]
    chain[1][4] = 0.95
    assert FASTTracker().update(chain)[:, 7].tolist() == [1]


def test_dropped_detections_go_on_with_tracks():
    tracker = make(TRACKTRACK)
    for _ in range(4):
        rows = tracker.update([square(10, 10, 40), square(90, 10, 40)])
    assert rows[:, 4].tolist() == [1, 2]
    rows = tracker.update([square(10, 10, 40)], dets_del=[square(92, 10, 40), square(300, 300, 40)])
    assert rows[:, 4].tolist() == [1, 2] and rows[:, 7].tolist() == [0, 1]  # it is row 0 of the dropped ones
    assert len(tracker.tracked_stracks) == 2


# Subclasses -----------------------------------------------------------------------------------------------------------

STAGES = {
    "_split_detections": 1,
    "_split_tracked": 0,
    "_pre_first_associate": 4,
    "_init_new_tracks": 3,
    "_format_output": 0,
}
IGNORED = (
    "_input_for",
    "_first_association",
    "_post_first_association",
    "_second_association",
    "_unconfirmed_association",
    "_remove_stale_lost",
)


@pytest.mark.parametrize("cls", ALL)
def test_no_stage_is_overridden_in_silence(cls, caplog):
    """Stages of 8.4 are called with its parameters, or the constructor warns."""
    calls = []

    def spy(name):
        def stage(self, *args):
            calls.append((name, len(args)))
            return getattr(super(kind, self), name)(*args)

        return stage

    kind = type("Mine", (cls,), {name: spy(name) for name in (*STAGES, *IGNORED)})
    tracker = make(kind)
    warned = [name for name in (*STAGES, *IGNORED) if f"Mine.{name}() has no effect" in caplog.text]
    for t in range(5):
        tracker.update([square(10 + t, 10), square(100, 100)])
    called = dict(calls)
    assert sorted([*called, *warned]) == sorted([*STAGES, *IGNORED])
    assert called.items() <= STAGES.items() and set(IGNORED) <= set(warned)
    caplog.clear()
    make(cls)
    assert "no effect" not in caplog.text


@pytest.mark.parametrize("cls", ALL)
def test_stages_take_what_8_4_gives_them(cls):
    class Mine(cls):
        def _init_new_tracks(self, u_detection, detections, activated, refind=None):
            large = [i for i in u_detection if detections[i].xywh[2] > 30 and detections.conf[i] > 0.5]
            super()._init_new_tracks(large, detections, activated, refind)

        def _format_output(self):
            return super()._format_output()[:, :5]

    rows = make(Mine).update([square(10, 10, 20), square(100, 100, 40)])
    assert rows.tolist() == [[100, 100, 140, 140, 1]]


def test_detections_may_be_split_in_another_way():
    class Mine(BYTETracker):
        def _split_detections(self, results):
            strong, weak, high, low = super()._split_detections(results[results.cls == 0])
            return strong, weak, high, low

    assert Mine().update([square(10, 10, cls=1), square(100, 100)])[:, 7].tolist() == [1]


def wandering(count=6, frames=24):
    """Return detections and feature vectors of frames in which one object or another is not seen for a while."""
    rng = np.random.default_rng(0)
    looks = rng.normal(size=(count, 8)).astype(np.float32)
    for t in range(frames):
        seen = [i for i in range(count) if (t + 3 * i) % 12 > 4]
        boxes = [square(20 + 40 * i + 3 * t + rng.normal(), 10 + rng.normal(), 30, 0.5 + 0.05 * i) for i in seen]
        yield boxes, looks[seen] + rng.normal(scale=0.1, size=(len(seen), 8))


@pytest.mark.parametrize("cls", ALL)
def test_methods_of_own_tracks_are_called(cls):
    """Instead of the arithmetic for all tracks at once, with which they agree as long as they only pass on."""
    calls = set()

    def spy(name):
        def method(self, *args, **kwargs):
            calls.add(name)
            return getattr(super(Track, self), name)(*args, **kwargs)

        return method

    methods = ("activate", "predict", "update", "re_activate", "update_features")
    Track = type("Track", (cls.track_class,), {name: spy(name) for name in methods})
    settings = {"with_reid": True} if hasattr(cls.track_class, "update_features") else {}
    plain, own = (make(kind, **settings) for kind in (cls, type("Own", (cls,), {"track_class": Track})))
    for boxes, looks in wandering():
        looks = looks if settings else None
        np.testing.assert_allclose(own.update(boxes, feats=looks), plain.update(boxes, feats=looks), atol=1e-3)
    assert calls == set(methods) - (set() if settings else {"update_features"})


@pytest.mark.parametrize("cls", ALL)
def test_geometry_of_own_tracks_is_used(cls):
    class Track(cls.track_class):
        @property
        def xywh(self):
            return super().xywh + np.array([0, 0, 2, 2])

        @property
        def result(self):
            return [*super().result, 7.0]

    tracker = make(type("Own", (cls,), {"track_class": Track}))
    for _ in range(4):
        rows = tracker.update([square(10, 10, 30)])
    np.testing.assert_allclose(rows[:, [0, 2, 8]], [[9, 41, 7]], atol=0.1)


def test_tracks_may_move_in_another_way():
    class Still(BYTETracker.track_class):
        def predict(self):
            """Stay."""

    tracker = make(type("Own", (BYTETracker,), {"track_class": Still}))
    for x in (10, 14, 18):
        tracker.update([square(x, 10)])
    before = tracker.tracked_stracks[0].mean.copy()
    tracker.update([])
    np.testing.assert_array_equal(tracker.lost_stracks[0].mean, before)


def test_the_filter_of_a_tracker_is_used(caplog):
    class Stubborn(KalmanFilterXYAH):
        def update(self, mean, covariance, measurement):
            return mean, covariance

    class Own(BYTETracker):
        def get_kalmanfilter(self):
            return Stubborn()

    tracker = make(Own)
    tracker.update([square(10, 10)])
    assert tracker.update([square(14, 10)])[0, 0] == 10

    class Wrong(BYTETracker):
        def get_kalmanfilter(self):
            return None

    with pytest.raises(TypeError, match=r"get_kalmanfilter\(\) of Wrong must return a KalmanFilterXYAH; got NoneType"):
        make(Wrong)

    class Track(BYTETracker.track_class):
        def convert_coords(self, tlwh):
            return tlwh

    make(type("Other", (BYTETracker,), {"track_class": Track})).update([square(10, 10)])
    assert "Track.convert_coords() has no effect here; override encode() and decode()" in caplog.text


# Camera ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [BOTSORT, DeepOCSORT, TRACKTRACK])
def test_a_moving_camera(cls):
    """Objects that stand still keep their ids while the picture jumps by more than their size."""
    rng = np.random.default_rng(0)
    world = cv2.resize(rng.integers(0, 255, (60, 90, 3), dtype=np.uint8), (900, 600), interpolation=cv2.INTER_CUBIC)
    kept = {}
    for method in ("sparseOptFlow", "none"):
        tracker, seen = cls({"gmc_method": method}), []
        for t in range(9):
            left = 26 * max(0, t - 4)
            boxes = [[200 - left + 100 * i, 100, 225 - left + 100 * i, 125, 0.9, 0] for i in range(2)]
            seen.append(tracker.update(boxes, world[100:400, 100 + left : 500 + left])[:, 4].tolist())
        kept[method] = seen[-1]
    assert kept["sparseOptFlow"] == [1, 2] and kept["none"] != [1, 2]


def test_states_move_with_the_camera():
    turn = np.array([[1.1 * math.cos(0.2), -1.1 * math.sin(0.2), 7], [1.1 * math.sin(0.2), 1.1 * math.cos(0.2), -3]])
    for cls in ALL:
        for oriented in (False, True):
            row = [100, 80, 60, 30, 0.1, 0.9, 0] if oriented else [70, 65, 130, 95, 0.9, 0]
            tracker = make(cls)
            tracker.update([row])
            (track,) = tracker.tracked_stracks
            before = track.xywh, track.covariance
            getattr(type(track), "multi_gmc", multi_gmc)([track], turn)
            np.testing.assert_allclose(track.xywh[:2], turn[:, :2] @ before[0][:2] + turn[:, 2])
            size = 1.1 * np.array([60, 30]) if oriented else np.abs(turn[:, :2]) @ [60, 30]
            np.testing.assert_allclose(track.xywh[2:], size, rtol=1e-5)
            assert (np.linalg.eigvalsh(track.covariance) > 0).all() and (track.covariance != before[1]).any()
            assert track.angle == (pytest.approx(0.3, abs=1e-5) if oriented else None)


# Lists of tracks ------------------------------------------------------------------------------------------------------


def started(number, box, frames=(1, 5)):
    track = STrack([*box, 0], 0.9, 0)
    track.activate(None, frames[0], number)
    track.frame_id = frames[1]
    return track


def test_lists_of_tracks():
    a, b, c = (started(i, (50 * i, 50, 20, 20)) for i in (1, 2, 3))
    twin = started(4, (50, 51, 20, 20), frames=(4, 5))
    assert joint_stracks([a, b], [b, c]) == [a, b, c] and sub_stracks([a, b, c], [b]) == [a, c]
    assert remove_duplicate_stracks([a, b], [twin, c]) == ([a, b], [c])
    assert remove_duplicate_stracks([twin], [a, c]) == ([], [a, c])
    even = started(5, (50, 51, 20, 20))
    assert remove_duplicate_stracks([a], [even]) == ([], [even])
    assert parse_bboxes([square(0, 0)]).tolist() == [[10, 10, 20, 20, 0]]


def test_one_track():
    track = STrack([10, 20, 30, 40, 7], 0.9, 2)
    assert track.xywh.tolist() == [10, 20, 30, 40] and track.mean is None and track.idx == 7
    track.activate(None, 3)
    later = STrack([12, 20, 30, 40, 1], 0.8, 2)
    track.predict()
    track.update(later, 4)
    assert track.result[5:] == [pytest.approx(0.8), 2, 1] and 10 < track.xywh[0] < 12 and track.end_frame == 4
    assert track.tlwh[0] == pytest.approx(track.xyxy[0]) and track.xywha[-1] == 0
    number = track.track_id
    track.mark_lost()
    track.re_activate(later, 6, new_id=True)
    assert track.track_id != number and track.tracklet_len == 0 and track.state == 1
    assert STrack.tlwh_to_xyah([0, 0, 20, 40]).tolist() == [10, 20, 0.5, 40]
    assert track.convert_coords([0, 0, 20, 40]).tolist() == [10, 20, 0.5, 40]
    with pytest.raises(ValueError, match="5 values"):
        STrack([1, 2, 3, 4], 0.9, 0)


@pytest.mark.parametrize("frames", [360, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("cls", ALL)
def test_memory_stays_flat(cls, frames):
    """After the first hundred frames nothing grows that is not bounded."""
    tracker, film = make(cls), list(crowd(np.random.default_rng(0), 60, objects=4))
    for found in film * 2:
        tracker.update(found)
    tracemalloc.start()
    for found in film * 3:
        tracker.update(found + np.float32(0))
    first = tracemalloc.get_traced_memory()[0]
    for _, found in zip(range(frames), itertools.cycle(film)):
        tracker.update(found + np.float32(0))
    grown = tracemalloc.get_traced_memory()[0] - first
    tracemalloc.stop()
    ended = tracker.removed_stracks
    assert ended and len(ended) <= 1000 and grown < 500_000 + 4000 * len(ended), grown
    assert all(track.mean.base is None and track.covariance.base is None for track in ended)  # not rows of all tracks
