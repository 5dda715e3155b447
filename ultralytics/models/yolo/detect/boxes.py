"""All boxes of a data set at a glance."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

__all__ = ["BoxTable", "box_table"]


class BoxTable(NamedTuple):
    """All boxes of a data set.

    Attributes:
        cls: (R,) classes.
        boxes: (R, 4) centre and size relative to the image.
        most: boxes of the fullest image.
    """

    cls: np.ndarray
    boxes: np.ndarray
    most: int


def box_table(dataset: Any) -> BoxTable:
    """Return the boxes of a data set: from its packed labels, or from a list of label dicts."""
    labels = getattr(dataset, "labels", ())
    packed = getattr(labels, "packed", None)
    if packed is not None:
        return BoxTable(packed.classes, packed.boxes, int(np.diff(packed.offsets).max(initial=0)))
    if not len(labels):
        return BoxTable(np.zeros(0, int), np.zeros((0, 4)), 0)
    classes = [np.asarray(label["cls"]).reshape(-1) for label in labels]
    boxes = np.concatenate([np.asarray(label["bboxes"]).reshape(-1, 4) for label in labels])
    return BoxTable(np.concatenate(classes).astype(int), boxes, max(map(len, classes)))
