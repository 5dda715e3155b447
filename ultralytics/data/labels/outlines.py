"""Outlines of many objects, each with points of its own number, moved and cut exactly.

Detection learns upright boxes. Where labels are polygons, the box of a turned object is that of its turned polygon, not
of its turned box, and the box of an object that is cut off bounds what is left of the polygon. Polygons of labels have
20 to 30 corners and a few have hundreds, so the points of all lie one after another in one array.

A cut is remembered as a window around the object, and carried out where it has to be: before a turn, after which the
window would not be upright any more, and when somebody asks for points. Until then, boxes need only the edges that meet
the window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np

__all__ = ["Outlines"]

_EVERYWHERE = np.array([-np.inf, -np.inf, np.inf, np.inf], np.float32)


class Outlines:
    """Closed polygons of N objects, Q points in all; never changed, every method returns a new one.

    Args:
        xy: `(2, Q)` float32 x and y of all points, polygon after polygon.
        ends: `(N + 1,)` int64; the points of polygon i are `ends[i]:ends[i + 1]`, at least one.
        windows: `(N, 4)` float32 x1, y1, x2, y2; what lies outside of its window does not count. None for no cuts.
    """

    __slots__ = ("ends", "windows", "xy")

    def __init__(self, xy: np.ndarray, ends: np.ndarray, windows: np.ndarray | None = None) -> None:
        self.xy, self.ends = xy, ends
        self.windows = np.broadcast_to(_EVERYWHERE, (len(ends) - 1, 4)) if windows is None else windows

    @classmethod
    def pack(cls, polygons: Sequence[np.ndarray], boxes: np.ndarray) -> Outlines:
        """Gather the polygons `(P, 2)` of objects; one without points counts as its box, a row of `(N, 4)` corners."""
        if not len(polygons):
            return cls(np.zeros((2, 0), np.float32), np.zeros(1, np.int64))
        if not all(map(len, polygons)):
            corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
            polygons = [given if len(given) else box for given, box in zip(polygons, corners, strict=True)]
        points = np.concatenate(polygons).astype(np.float32, copy=False)
        return cls(np.ascontiguousarray(points.T), np.cumsum([0, *map(len, polygons)], dtype=np.int64))

    @classmethod
    def join(cls, parts: Sequence[Outlines]) -> Outlines:
        """Return the polygons of several, in order."""
        if len(parts) == 1:
            return parts[0]
        starts = np.cumsum([0, *(part.ends[-1] for part in parts)])
        ends = [part.ends[1:] + start for part, start in zip(parts, starts[:-1], strict=True)]
        windows = np.concatenate([part.windows for part in parts])
        return cls(np.concatenate([part.xy for part in parts], axis=1), np.concatenate([starts[:1], *ends]), windows)

    def __len__(self) -> int:
        return len(self.ends) - 1

    def __iter__(self) -> Iterator[np.ndarray]:
        """Return the polygons `(P, 2)`, one by one."""
        settled = self.settled()
        return (settled.xy[:, start:stop].T for start, stop in zip(settled.ends[:-1], settled.ends[1:], strict=True))

    def __getitem__(self, index: np.ndarray) -> Outlines:
        """Return the polygons that a mask `(N,)` or positions select."""
        positions = np.arange(len(self))[index]
        counts = np.diff(self.ends)[positions]
        ends = np.concatenate(([0], np.cumsum(counts)))
        points = np.arange(ends[-1]) + np.repeat(self.ends[positions] - ends[:-1], counts)
        return Outlines(self.xy.take(points, axis=1), ends, self.windows[positions])

    def __mul__(self, factor: np.ndarray) -> Outlines:
        """Scale by factors `(2,)` of x and y; a negative one mirrors."""
        factor = np.asarray(factor, np.float32)
        corners = self.windows.reshape(-1, 2, 2) * factor
        windows = np.concatenate([corners.min(1), corners.max(1)], 1) if (factor < 0).any() else corners.reshape(-1, 4)
        return Outlines(self.xy * factor[:, None], self.ends, windows)

    def __add__(self, shift: np.ndarray) -> Outlines:
        """Shift by `(2,)`, or each polygon by its own of `(N, 1, 2)`."""
        steps = np.broadcast_to(np.asarray(shift, np.float32).reshape(-1, 2), (len(self), 2))
        shifted = self.xy + steps.T.repeat(np.diff(self.ends), axis=1)
        return Outlines(shifted, self.ends, self.windows + np.tile(steps, 2))

    def mapped(self, matrix: np.ndarray) -> Outlines:
        """Return the polygons seen through a map `(3, 3)` of points."""
        linear, shift = matrix[:2, :2], matrix[:2, 2]
        if not (matrix[2, 0] or matrix[2, 1] or matrix[0, 1] or matrix[1, 0]):
            return self * np.diagonal(linear) + shift
        settled = self._settled(Outlines._without_seam_corners)
        xy = linear @ settled.xy + shift[:, None]
        if matrix[2, 0] or matrix[2, 1]:
            xy /= matrix[2, :2] @ settled.xy + matrix[2, 2]
        return Outlines(xy.astype(np.float32, copy=False), settled.ends)

    def cut(self, low: Sequence[float], high: Sequence[float]) -> Outlines:
        """Return the polygons as they are inside a window, given by its upper left and lower right corner."""
        near, far = np.asarray(low, np.float32), np.asarray(high, np.float32)
        windows = np.concatenate([np.maximum(self.windows[:, :2], near), np.minimum(self.windows[:, 2:], far)], 1)
        return Outlines(self.xy, self.ends, windows)

    def dense(self) -> np.ndarray:
        """Return the polygons as one array `(N, P, 2)`; those with fewer points repeat their last one."""
        if not len(self):
            return np.zeros((0, 0, 2), np.float32)
        settled = self.settled()
        longest = np.diff(settled.ends).max()
        index = np.minimum(settled.ends[:-1, None] + np.arange(longest), settled.ends[1:, None] - 1)
        return settled.xy.T[index]

    def bounds(self) -> np.ndarray:
        """Return upright boxes `(N, 4)`, by corners, around what counts of the polygons; zero where nothing does."""
        boxes, crossing = self._whole_bounds()
        if len(crossing):
            boxes[crossing] = self[crossing]._visible_bounds()
        return boxes

    def settled(self) -> Outlines:
        """Return the polygons with all cuts carried out.

        Parts of one polygon stay joined by a seam along the window's border. One of which nothing counts becomes a
        point.
        """
        return self._settled(lambda pieces, whole: pieces)

    def _settled(self, finish: Callable[[Outlines, Outlines], Outlines]) -> Outlines:
        """`settled`, with what `finish` makes of the pieces of polygons and those polygons."""
        boxes, crossing = self._whole_bounds()
        hidden = np.flatnonzero((boxes == 0).all(1))
        if not len(crossing) and not len(hidden):
            return Outlines(self.xy, self.ends)
        whole = self[crossing]
        pieces = finish(whole._cut_axis(0)._cut_axis(1), whole)
        left = np.diff(pieces.ends) > 0
        hidden, kept = np.concatenate([hidden, crossing[~left]]), crossing[left]
        points = np.clip(self.xy[:, self.ends[hidden]].T, self.windows[hidden, :2], self.windows[hidden, 2:]).T
        order = np.arange(len(self))
        order[kept] = len(self) + np.flatnonzero(left)
        order[hidden] = len(self) + len(crossing) + np.arange(len(hidden))
        joined = Outlines.join([self, pieces, Outlines(points, np.arange(len(hidden) + 1))])[order]
        return Outlines(joined.xy, joined.ends)

    def _whole_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Boxes around whole polygons, zero outside of their window, and positions of those that cross its border."""
        if not len(self):
            return np.zeros((0, 4), np.float32), np.zeros(0, np.int64)
        starts = self.ends[:-1]
        low, high = np.minimum.reduceat(self.xy, starts, axis=1), np.maximum.reduceat(self.xy, starts, axis=1)
        boxes, windows = np.concatenate([low, high]).T, self.windows
        beyond = (boxes[:, :2] < windows[:, :2]) | (boxes[:, 2:] > windows[:, 2:])
        if not beyond.any():
            return boxes, np.zeros(0, np.int64)
        outside = ((boxes[:, :2] >= windows[:, 2:]) | (boxes[:, 2:] <= windows[:, :2])).any(1)
        boxes[outside] = 0
        return boxes, np.flatnonzero(beyond.any(1) & ~outside)

    def _following(self) -> np.ndarray:
        """For every point, the position of the next one of its polygon; polygons may have no points here."""
        following = np.arange(1, self.ends[-1] + 1)
        filled = self.ends[1:] > self.ends[:-1]
        following[self.ends[1:][filled] - 1] = self.ends[:-1][filled]
        return following

    def _visible_bounds(self) -> np.ndarray:
        """`bounds` of polygons that cross the border of their window.

        What is farthest out is a point inside, a place where an edge meets the border, or a corner of the window.
        """
        low, high = self.windows.reshape(-1, 2, 2).transpose(1, 2, 0).repeat(np.diff(self.ends), axis=2)
        below, above = self.xy < low, self.xy > high
        inside = ~(below | above).any(0)
        nearest, farthest = np.where(inside, self.xy, np.inf), np.where(inside, self.xy, -np.inf)
        following = self._following()
        same_side = ((below & below[:, following]) | (above & above[:, following])).any(0)
        edges = np.flatnonzero(~(same_side | (inside & inside[following])))
        start, low, high = self.xy[:, edges], low[:, edges], high[:, edges]
        step = self.xy[:, following[edges]] - start
        # Along an edge, 0 to 1, it is between the limits of an axis from one of these places to the other.
        level = step == 0
        per_step = 1 / np.where(level, 1, step)
        first = np.where(level, -np.inf, (low - start) * per_step)
        second = np.where(level, np.inf, (high - start) * per_step)
        enters, leaves = np.minimum(first, second).max(0).clip(0), np.maximum(first, second).min(0).clip(max=1)
        ends = np.stack([start + enters * step, start + leaves * step]).clip(low, high)
        seen = enters <= leaves
        nearest[:, edges[seen]] = np.minimum(nearest[:, edges], ends.min(0))[:, seen]
        farthest[:, edges[seen]] = np.maximum(farthest[:, edges], ends.max(0))[:, seen]
        starts = self.ends[:-1]
        near, far = np.minimum.reduceat(nearest, starts, axis=1), np.maximum.reduceat(farthest, starts, axis=1)
        return self._with_corners(np.concatenate([near, far]).T)

    def _with_corners(self, boxes: np.ndarray) -> np.ndarray:
        """Widen boxes to corners of the windows that lie inside of polygons; zero where a box holds nothing."""
        low, high = np.minimum.reduceat(self.xy, self.ends[:-1], 1).T, np.maximum.reduceat(self.xy, self.ends[:-1], 1).T
        corners = self.windows[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
        near = ((corners > low[:, None]) & (corners < high[:, None])).all(2)
        for i, k in np.argwhere(near):
            corner = corners[i, k]
            if self._holds(i, corner):
                boxes[i, :2], boxes[i, 2:] = np.minimum(boxes[i, :2], corner), np.maximum(boxes[i, 2:], corner)
        return np.where(np.isfinite(boxes).all(1, keepdims=True), boxes, 0).astype(np.float32)

    def _holds(self, i: int, point: np.ndarray) -> bool:
        """Whether a point lies in polygon i, or on its border."""
        polygon = np.ascontiguousarray(self.xy[:, self.ends[i] : self.ends[i + 1]].T)
        return cv2.pointPolygonTest(polygon, point.tolist(), False) >= 0

    def _without_seam_corners(self, whole: Outlines) -> Outlines:
        """Pieces cut from the polygons `whole` without points that only a seam has: a turned box would reach for them.

        A seam that runs around a corner of the window becomes a diagonal, which takes up no more room than the parts.
        """
        low, high = self.windows.reshape(-1, 2, 2).transpose(1, 2, 0).repeat(np.diff(self.ends), axis=2)
        kept = np.ones(self.ends[-1], bool)
        for point in np.flatnonzero(((self.xy == low) | (self.xy == high)).all(0)):
            i = int(np.searchsorted(self.ends, point, side="right")) - 1
            kept[point] = whole._holds(i, self.xy[:, point])
        return Outlines(self.xy[:, kept], np.concatenate(([0], np.cumsum(kept)))[self.ends], self.windows)

    def _cut_axis(self, axis: int) -> Outlines:
        """Keep what lies between the windows' limits of an axis; polygons may lose all points.

        Source: I. Sutherland and G. Hodgman, "Reentrant polygon clipping", 1974, with both limits at once.
        """
        low, high = self.windows[:, [axis, axis + 2]].T.repeat(np.diff(self.ends), axis=1)
        at = self.xy[axis]
        side = (at > high).astype(np.int8) - (at < low)
        following = self._following()
        crossing = np.flatnonzero(side != side[following])
        start, target = self.xy[:, crossing], self.xy[:, following[crossing]]
        comes, goes = side[crossing], side[following[crossing]]
        # A vertex inside is followed by the points where the edge that starts there enters and leaves, if it does.
        made = (side == 0).astype(np.int64)
        made[crossing] += (comes != 0).astype(np.int64) + (goes != 0)
        stops = np.concatenate(([0], np.cumsum(made)))
        xy = np.empty((2, stops[-1]), np.float32)
        xy[:, stops[:-1][side == 0]] = self.xy[:, side == 0]
        last = stops[crossing + 1] - 1
        for beyond, place in ((comes, last - (goes != 0)), (goes, last)):
            meets = np.flatnonzero(beyond)
            limit = np.where(beyond > 0, high[crossing], low[crossing])[meets]
            share = (limit - start[axis, meets]) / (target[axis, meets] - start[axis, meets])
            points = start[:, meets] + share * (target[:, meets] - start[:, meets])
            points[axis] = limit
            xy[:, place[meets]] = points
        return Outlines(xy, stops[self.ends], self.windows)
