"""Counting of tracks at lines and in zones: functions of positions, without pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ultralytics.solutions.geometry import Line, Zone

__all__ = ["IN", "OUT", "Tally", "count_tracks", "passage", "share_of"]

IN, OUT = "IN", "OUT"


@dataclass
class Tally:
    """Who has come in and gone out. Each track counts once.

    Attributes:
        in_count, out_count: sums.
        counted_ids: tracks that have been counted.
        classwise_count: class name to `{"IN": n, "OUT": n}`.
    """

    in_count: int = 0
    out_count: int = 0
    counted_ids: set[int] = field(default_factory=set)
    classwise_count: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, track: int, name: str, direction: int) -> bool:
        """Count a track.

        Args:
            track: its number.
            name: its class.
            direction: 1 for in, -1 for out, 0 for neither.

        Returns:
            Whether it was counted: not where it has been before.
        """
        if not direction or track in self.counted_ids:
            return False
        self.counted_ids.add(track)
        counts = self.classwise_count.setdefault(name, {IN: 0, OUT: 0})
        counts[IN if direction > 0 else OUT] += 1
        self.in_count += direction > 0
        self.out_count += direction < 0
        return True


def passage(region: Line | Zone, before: Sequence[float], after: Sequence[float]) -> int:
    """Return 1 for a step that comes in, -1 for one that goes out, 0 for none.

    A line is crossed towards its inner side, the lower or the right one, or back. A zone counts a step that ends
    inside: to the right in a zone that is higher than wide and down in others is in, the other way is out. A step that
    goes neither way there is told by the other axis, and an object that stands still is not counted.

    Args:
        region: line or zone.
        before: position x, y at the step's start; frames may lie between.
        after: position at its end.
    """
    if isinstance(region, Line):
        return region.crossed(before, after)
    if not region.contains(after):
        return 0
    step = after[0] - before[0], after[1] - before[1]
    first, second = step if region.is_upright else step[::-1]
    along = first or second
    return (along > 0) - (along < 0)


def count_tracks(region: Line | Zone, rows: Iterable[Sequence[float]], names: Mapping[int, str] | None = None) -> Tally:
    """Count whole tracks, as files have them.

    Args:
        region: line or zone in pixels.
        rows: track, class, x, y of every object in every frame, in the order of the frames.
        names: class number to name; the number where there is none.
    """
    tally, last = Tally(), {}
    for track, cls, x, y in rows:
        before, last[track] = last.get(track), (x, y)
        if before is not None:
            tally.add(int(track), (names or {}).get(int(cls), str(int(cls))), passage(region, before, (x, y)))
    return tally


def share_of(zones: Mapping[str, Zone], points: Iterable[Any]) -> dict[str, int]:
    """Return how many points are inside each zone, by its name; zones may overlap."""
    points = list(points)
    return {name: sum(zone.contains(point) for point in points) for name, zone in zones.items()}
