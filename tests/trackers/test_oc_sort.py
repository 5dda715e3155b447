"""What tracks of OC-SORT remember."""

from __future__ import annotations

import numpy as np

from ultralytics.engine.results import Boxes
from ultralytics.trackers import OCSORT


def test_direction_after_a_gap_is_that_across_the_gap():
    """An object walks to the right, is hidden for longer than directions are taken over, and comes back below."""
    tracker = OCSORT({"delta_t": 3})

    def see(*boxes):
        rows = np.array([[*box, 0.9, 0] for box in boxes], np.float32).reshape(-1, 6)
        return tracker.update(Boxes(rows, (240, 320)), np.zeros((240, 320, 3), np.uint8))

    for step in range(5):
        see((50 + 4 * step, 50, 90 + 4 * step, 90))
    for _ in range(5):
        see()
    assert see((72, 56, 112, 96))[:, 4].tolist() == [1]  # seen last at (66, 50, 106, 90)
    track = tracker.tracked_stracks[0]
    assert sorted(track.observations) == [2, 3, 4, 5, 11]
    np.testing.assert_allclose(track.direction, [0.5**0.5] * 2, atol=1e-6)
