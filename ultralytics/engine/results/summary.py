"""Results in words and plain values: the counts of a console line, and one dictionary per detection."""

from __future__ import annotations

from typing import Any

import numpy as np

from ultralytics.engine.plots.dense import IGNORED, classes_by_name, known_range
from ultralytics.engine.results.picture import PictureResults
from ultralytics.engine.results.tensors import as_numpy
from ultralytics.utils.text import label_text

__all__ = ["class_counts", "summarize"]


def class_counts(result: PictureResults) -> str:
    """Return what a console line says about one picture, such as `2 persons, 1 bus, `."""
    if result.semantic_mask is not None:
        return ""
    if result.depth is not None:
        near, far = known_range(as_numpy(result.depth.data))
        return f"depth {near:.2f}-{far:.2f}m, " if far else "depth (no valid pixels), "
    if result.probs is not None:
        probs = result.probs.numpy()
        return "".join(
            f"{label_text(result.names[i])} {p:.2f}, " for i, p in zip(probs.top5, probs.top5conf.tolist(), strict=True)
        )
    rows = result.boxes if result.boxes is not None else result.obb
    if rows is None or not len(rows):
        return "(no detections), "
    classes, counts = np.unique(as_numpy(rows.cls).astype(int), return_counts=True)
    pairs = zip(classes.tolist(), counts.tolist(), strict=True)
    return "".join(f"{n} {label_text(result.names[c])}{'s' * (n > 1)}, " for c, n in pairs)


def summarize(result: PictureResults, normalize: bool = False, decimals: int = 5) -> list[dict[str, Any]]:
    """Return one dictionary of plain values per detection (per class for classification and semantic maps, one for a
    depth map).

    Args:
        result: the picture's results.
        normalize: give coordinates as shares of the picture's sides instead of pixels.
        decimals: digits kept.
    """
    if result.semantic_mask is not None:
        return _class_shares(result, decimals)
    if result.depth is not None:
        return _distances(result, decimals)
    if result.probs is not None:
        probs = result.probs.numpy()
        return [
            {"name": result.names[i], "class": i, "confidence": round(p, decimals)}
            for i, p in zip(probs.top5, probs.top5conf.tolist(), strict=True)
        ]
    if result.boxes is None and result.obb is None:
        return []
    return _detections(result, normalize, decimals)


def _class_shares(result: PictureResults, decimals: int) -> list[dict[str, Any]]:
    shown = classes_by_name(as_numpy(result.semantic_mask.data), result.names)
    classes, counts = np.unique(shown, return_counts=True)
    total = max(result.semantic_mask.data.shape[0] * result.semantic_mask.data.shape[1], 1)
    return [
        {"name": result.names.get(int(c), str(int(c))), "class": int(c), "pixel_ratio": round(int(n) / total, decimals)}
        for c, n in zip(classes, counts, strict=True)
        if c != IGNORED
    ]


def _distances(result: PictureResults, decimals: int) -> list[dict[str, Any]]:
    """Return what is in a depth map: metres, and the share of pixels that have a distance."""
    metres = as_numpy(result.depth.data)
    known = metres[np.isfinite(metres) & (metres > 0)].astype(np.float64)
    if not known.size:
        return []
    figures = {"min": known.min(), "max": known.max(), "mean": known.mean(), "median": np.median(known)}
    row = {name: round(float(value), decimals) for name, value in figures.items()}
    return [{"name": "depth", **row, "valid_ratio": round(known.size / metres.size, decimals)}]


def _detections(result: PictureResults, normalize: bool, decimals: int) -> list[dict[str, Any]]:
    height, width = result.orig_shape
    sides = np.array((width, height) if normalize else (1, 1), np.float32)

    def axes(points: np.ndarray) -> dict[str, list[float]]:
        """(K, 2) positions -> rounded values per axis."""
        x, y = (points / sides).astype(np.float64).round(decimals).T.tolist()
        return {"x": x, "y": y}

    rows = (result.obb if result.obb is not None else result.boxes).numpy()
    corners = rows.xyxyxyxy if result.obb is not None else rows.xyxy.reshape(-1, 2, 2)
    keypoints = None if result.keypoints is None else result.keypoints.numpy()
    table = []
    for i, (label, score) in enumerate(zip(rows.cls.tolist(), rows.conf.tolist(), strict=True)):
        row = {"name": result.names[int(label)], "class": int(label), "confidence": round(score, decimals)}
        row["box"] = _numbered(**axes(corners[i]))
        if rows.is_track:
            row["track_id"] = int(rows.id[i])
        if result.masks is not None:
            row["segments"] = axes(result.masks.xy[i])
        if keypoints is not None:
            row["keypoints"] = axes(keypoints.xy[i])
            if keypoints.has_visible:
                row["keypoints"]["visible"] = keypoints.conf[i].astype(np.float64).round(decimals).tolist()
        table.append(row)
    return table


def _numbered(x: list[float], y: list[float]) -> dict[str, float]:
    """Return corners as x1, y1, x2, y2 ..."""
    return {
        f"{axis}{k}": value
        for k, xy in enumerate(zip(x, y, strict=True), 1)
        for axis, value in zip("xy", xy, strict=True)
    }
