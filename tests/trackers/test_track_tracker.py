"""The direction of TrackTrack's tracks. The numbers were measured on the package whose interface this one has."""

import numpy as np
import pytest

from ultralytics.trackers import TRACKTRACK
from ultralytics.trackers.track_tracker import turns

ALONG = [(100 + 4 * i, 100) for i in range(6)]
BENT = [(100, 100), (104, 100), (108, 100), (108, 104), (108, 108), (112, 108)]
AWAY = [(100, 100), (104, 100), (108, 100), None, (112, 108)]


def box(x, y, score=0.9):
    return [[x, y, x + 40, y + 40, score, 0]]


def followed(places, **settings):
    tracker = TRACKTRACK({"gmc_method": "none", **settings})
    for place in places:
        tracker.update(box(*place) if place else [])
    return tracker


@pytest.mark.parametrize(
    "places, then, share",
    [
        (ALONG[:1], (104, 100), 0.5),
        (ALONG[:2], (110, 100), 0.3918),
        (ALONG[:3], (114, 100), 0.3333),
        (ALONG[:3], (94, 100), 0.6667),
        (ALONG[:3], (112, 105), 0.3473),
        (ALONG, (126, 100), 0.2907),
        (ALONG, (114, 100), 0.2907),  # behind where it was last, but ahead of where it was three frames ago
        (ALONG, (112, 100), 0.5),
        (ALONG, (106, 100), 0.7093),
        (ALONG, (124, 105), 0.3092),
        (BENT, (116, 112), 0.3305),
        (BENT, (108, 104), 0.5),
        (BENT, (112, 104), 0.3330),
        (AWAY, (116, 110), 0.3989),
        (AWAY, (112, 112), 0.4494),
    ],
)
def test_how_far_a_track_would_turn(places, then, share):
    tracker = followed(places)
    found = tracker.init_track(np.array(box(*then), np.float32))
    zero = np.zeros(1, int)
    angle = turns(tracker.tracked_stracks, found, len(places) + 1, zero, zero)
    assert angle == pytest.approx([share], abs=6e-5)


@pytest.mark.parametrize("way, limit", [((1, 0), 19.387), ((0, 1), 10.428), ((-1, 0), 19.908), ((0, -1), 10.428)])
def test_how_far_off_a_detection_may_be(way, limit):
    def linked(distance):
        tracker = followed(ALONG)
        x, y = 124 + way[0] * distance, 100 + way[1] * distance
        return tracker.update(box(x, y, score=0.65))[:, 4].tolist() == [1]

    assert linked(limit - 0.02) and not linked(limit + 0.02)


def test_a_track_that_is_found_again_keeps_its_direction():
    before, again = (followed(places).tracked_stracks[0] for places in (AWAY[:3], AWAY))
    np.testing.assert_array_equal(again.direction, before.direction)
    assert again.frame_id == 5 and before.direction[0] == pytest.approx([0.5, 0])
