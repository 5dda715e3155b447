"""Times of `tracker.update`, on the processor: this package against another installation of `ultralytics`.

    python benchmarks/track.py --other /path/to/other/venv/bin/python
    python benchmarks/track.py --other /path/to/other/venv/bin/python --trackers bytetrack tracktrack --counts 100

Both get the same detections: so many seeded boxes that drift through a picture, some of them missed in each frame and
some weak, and a few false ones. A case is 60 frames of one tracker after 20 others, its time that of one frame; motion
of the camera and appearance are left out. Both need a solver for assignments (scipy, lap).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pairs

TRACKERS = ("bytetrack", "botsort", "ocsort", "deepocsort", "fasttrack", "tracktrack")
COUNTS = (10, 100, 500)
WARM, TIMED = 20, 60
SIZE_HW = (1080, 1920)


def crowd(count: int) -> list[np.ndarray]:
    """Return detections (N, 6), corners, score and class, of all frames."""
    rng = np.random.default_rng(count)
    height, width = SIZE_HW
    place = rng.uniform((0, 0), (width, height), (count, 2))
    speed, size = rng.normal(0, 2, (count, 2)), rng.uniform(20, 20 + 800 / count**0.5, (count, 2))
    frames = []
    for _ in range(WARM + TIMED):
        place = (place + speed) % (width, height)
        centre = place + rng.normal(0, 1, place.shape)
        score = np.clip(rng.beta(6, 2, count), 0.05, 0.98)
        rows = np.column_stack((centre - size / 2, centre + size / 2, score, np.arange(count) % 8))
        rows = rows[rng.random(count) > 0.1]
        more = rng.uniform((0, 0), (width, height), (count // 20 + 1, 2))
        more = np.column_stack((more, more + 40, rng.uniform(0.1, 0.6, len(more)), np.zeros(len(more))))
        rows = np.concatenate((rows, more))
        frames.append(rows[np.argsort(-rows[:, 4])].astype(np.float32))
    return frames


def prepare(settings: dict[str, Any], case: str) -> Callable[[], Any]:
    """Return the work of one call."""
    from ultralytics.engine.results import Boxes
    from ultralytics.trackers.track import TRACKER_MAP
    from ultralytics.utils import YAML, IterableSimpleNamespace
    from ultralytics.utils.checks import check_yaml

    name, count = case.split()
    args = YAML.load(check_yaml(f"{name}.yaml"))
    args = IterableSimpleNamespace(**args | ({"gmc_method": "none"} if "gmc_method" in args else {}))
    frames = [Boxes(rows, SIZE_HW) for rows in crowd(int(count))]
    image = np.zeros((*SIZE_HW, 3), np.uint8)
    clock = pairs.CLOCKS[settings["clock"]]

    def work() -> float:
        tracker = TRACKER_MAP[name](args)
        for boxes in frames[:WARM]:
            tracker.update(boxes, image)
        start = clock()
        for boxes in frames[WARM:]:
            tracker.update(boxes, image)
        return (clock() - start) / TIMED

    return work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--other", help="interpreter of an environment with the other package")
    parser.add_argument("--trackers", nargs="+", default=TRACKERS, choices=TRACKERS)
    parser.add_argument("--counts", nargs="+", type=int, default=COUNTS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clock", choices=pairs.CLOCKS, default="cpu")
    parser.add_argument("--json", help="file for the figures")
    args = parser.parse_args()
    cases = [f"{name} {count}" for name in args.trackers for count in args.counts]
    found = pairs.compare(__file__, args.other, cases, {"clock": args.clock}, args.rounds)
    pairs.conclude(found, args.json, bool(args.other), bar=0.5)


if __name__ == "__main__":
    pairs.answer(prepare) if "--child" in sys.argv else main()
