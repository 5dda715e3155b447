"""Lines and zones on a picture: what a region is, which side a point is on, whether a step crosses.

Coordinates are pixels, x to the right and y down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np

from ultralytics.cfg.errors import ConfigValueError

__all__ = ["Line", "Zone", "convex_hull", "homography", "joint_angle", "named_zones", "project", "region_of"]

Point = tuple[float, float]


def _point(value: Any) -> Point:
    """Return x and y of a pair, or of an object with `x` and `y`, as geometry packages have them."""
    if hasattr(value, "x") and hasattr(value, "y"):
        return float(value.x), float(value.y)
    x, y = value
    return float(x), float(y)


def _turn(a: Point, b: Point, c: Point) -> float:
    """Return twice the area of a triangle, positive where the way a, b, c turns clockwise as one sees it."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


@dataclass(frozen=True)
class Line:
    """A line between two points that are not the same.

    It has an inner side: the lower one, or the right one where the line is steeper than 45 degrees. Points on the line
    belong to it.
    """

    start: Point
    end: Point

    @property
    def points(self) -> tuple[Point, ...]:
        """Both ends."""
        return self.start, self.end

    @property
    def is_upright(self) -> bool:
        """Whether the line is steeper than 45 degrees."""
        return abs(self.end[0] - self.start[0]) < abs(self.end[1] - self.start[1])

    def is_inside(self, point: Any) -> bool:
        """Whether a point is on the inner side of the line, or of the line as it goes on beyond its ends."""
        first, last = sorted(self.points, key=lambda p: p[1] if self.is_upright else p[0])
        side = _turn(first, last, _point(point))
        return side <= 0 if self.is_upright else side >= 0

    def crossed(self, before: Any, after: Any) -> int:
        """Return 1 for a step that crosses to the inner side, -1 to the other one, 0 for none between the ends.

        A step that ends on the line has crossed to the inner side; going on from there is no second crossing.
        """
        before, after = _point(before), _point(after)
        was, is_now = self.is_inside(before), self.is_inside(after)
        if was == is_now:
            return 0
        if _turn(before, after, self.start) * _turn(before, after, self.end) > 0:
            return 0  # both ends are on one side of the step: it passes by
        return 1 if is_now else -1


@dataclass(frozen=True)
class Zone:
    """A polygon of three points or more that has an area; it may be concave."""

    corners: tuple[Point, ...]

    @property
    def points(self) -> tuple[Point, ...]:
        """All corners."""
        return self.corners

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Return x1, y1, x2, y2 of the upright box around the zone."""
        xs, ys = zip(*self.corners, strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    @property
    def centroid(self) -> Point:
        """Mean of the corners."""
        xs, ys = zip(*self.corners, strict=True)
        return sum(xs) / len(xs), sum(ys) / len(ys)

    @property
    def is_upright(self) -> bool:
        """Whether the zone is higher than wide."""
        x1, y1, x2, y2 = self.box
        return x2 - x1 < y2 - y1

    def contains(self, point: Any) -> bool:
        """Whether a point is inside.

        Of a border that two zones share, each point is in one of them: zones that cover a picture cover it once.
        """
        x, y = _point(point)
        inside = False
        for (x1, y1), (x2, y2) in zip(self.corners, (*self.corners[1:], self.corners[0]), strict=True):
            if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
                inside = not inside
        return inside


def region_of(points: Sequence[Sequence[float]], name: str = "region") -> Line | Zone:
    """Return the line between two points, or the zone that more of them enclose.

    Args:
        points: x and y of every point in pixels.
        name: what is spoken of in errors.

    Raises:
        ConfigValueError: fewer than two points, two that are one, or points that enclose no area.
    """
    pairs = [_point(point) for point in points]
    if not np.isfinite(pairs).all():
        raise ConfigValueError(f"{name} {_shown(pairs)} has coordinates that are no numbers.")
    if len(pairs) == 2 and pairs[0] == pairs[1]:
        raise ConfigValueError(f"{name} {_shown(pairs)} is a line between two equal points; give two different ones.")
    if len(pairs) < 2:
        raise ConfigValueError(f"{name} {_shown(pairs)} has too few points: a line has 2, a zone 3 or more.")
    if len(pairs) == 2:
        return Line(*pairs)
    zone = Zone(tuple(pairs))
    (x0, y0), farther = pairs[0], pairs[1:]
    if all(_turn((x0, y0), a, b) == 0 for a, b in pairwise(farther)):
        raise ConfigValueError(f"{name} {_shown(pairs)} encloses no area; for a line give two points.")
    return zone


def _shown(pairs: Iterable[Point]) -> str:
    return "[" + ", ".join(f"({x:g}, {y:g})" for x, y in pairs) + "]"


def named_zones(region: Any, prefix: str = "Region#") -> dict[str, Zone]:
    """Return zones by name.

    Args:
        region: a mapping of name to points, a list of zones, or the points of one.
        prefix: what a number makes a name with, for those that have none.

    Raises:
        ConfigValueError: a zone with fewer than three points or without an area.
    """
    if not isinstance(region, Mapping):
        several = len(region) > 0 and np.ndim(region[0][0]) > 0
        region = {f"{prefix}{i:02d}": points for i, points in enumerate(region if several else [region], 1)}
    zones = {}
    for name, points in region.items():
        zone = region_of(points, f"zone '{name}'")
        if isinstance(zone, Line):
            raise ConfigValueError(f"zone '{name}' {_shown(zone.points)} has two points; a zone has three or more.")
        zones[str(name)] = zone
    return zones


def convex_hull(points: Any) -> np.ndarray:
    """Return the corners (P, 2) int32 of the smallest convex polygon around points (N, 2)."""
    return cv2.convexHull(np.asarray(points, np.int32)).reshape(-1, 2)


def joint_angle(a: Any, b: Any, c: Any) -> float:
    """Return the angle at `b` between the ways to `a` and to `c`, 0..180 degrees."""
    (ax, ay), (bx, by), (cx, cy) = _point(a[:2]), _point(b[:2]), _point(c[:2])
    turn = np.arctan2(cy - by, cx - bx) - np.arctan2(ay - by, ax - bx)
    degrees = abs(float(np.degrees(turn))) % 360
    return min(degrees, 360 - degrees)


def homography(rows: Any) -> np.ndarray:
    """Return the (3, 3) map from a picture to the ground.

    Args:
        rows: (N, 4) x, y in pixels and X, Y in metres of four points or more of one plane, no three of them in a line.

    Raises:
        ConfigValueError: the points do not define a map.
    """
    table = np.asarray(rows, np.float64)
    matrix, _ = cv2.findHomography(table[:, :2], table[:, 2:]) if len(table) >= 4 else (None, None)
    if matrix is None or not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-12:
        raise ConfigValueError(
            "calibration needs four points of the ground, no three of them in a line, as rows of x, y in pixels and "
            "X, Y in metres."
        )
    return matrix


def project(matrix: np.ndarray, point: Any) -> Point:
    """Return where a point of a picture is on the ground, by a `homography`."""
    x, y, w = matrix @ np.array([*_point(point), 1.0])
    return float(x / w), float(y / w)
