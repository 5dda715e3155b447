"""Pictures of per-pixel results: class maps and depth maps."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from ultralytics.engine.plots.palette import colors
from ultralytics.utils.text import label_text

__all__ = ["blend_classes", "classes_by_name", "colorize_depth", "known_range", "legend_entries"]

IGNORED = 255  # class of pixels without one


def blend_classes(image: np.ndarray, mask: np.ndarray, alpha: float = 0.5, ignore_index: int = 255) -> None:
    """Tint (H, W, 3) BGR pixels in place by their class in `mask` (h, w); pixels of `ignore_index` stay."""
    height, width = image.shape[:2]
    small = mask if mask.dtype == np.uint8 else np.where(mask == ignore_index, IGNORED, mask % colors.n)
    small, ignored = small.astype(np.uint8, copy=False), ignore_index if mask.dtype == np.uint8 else IGNORED
    if small.shape != (height, width):
        small = cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)
    palette = np.array([colors(i, True) for i in range(256)], np.uint8)[:, None]
    tint = cv2.LUT(cv2.merge([small] * 3), palette)
    known = (small != ignored).astype(np.uint8)
    cv2.copyTo(cv2.addWeighted(image, 1 - alpha, tint, alpha, 0), known, image)


def classes_by_name(mask: np.ndarray, names: Mapping[int, str] | None) -> np.ndarray:
    """Return a class map whose classes are those that have names.

    Of a single class the map says where it is, by 1 against 0; that becomes class 0 against pixels to leave alone.
    """
    return np.where(mask == 1, 0, IGNORED).astype(np.uint8) if names is not None and len(names) == 1 else mask


def legend_entries(mask: np.ndarray, names: Mapping[int, str]) -> list[tuple[str, tuple[int, int, int]]]:
    """Return names and BGR colours of the classes that a map (h, w) shows, by class."""
    present = [c for c in np.unique(mask).tolist() if c != IGNORED]
    return [(label_text(names.get(c, c)), colors(c, True)) for c in present]


def known_range(depth: np.ndarray) -> tuple[float, float]:
    """Return the smallest and the largest known distance of a map (H, W) in metres, zeros where none is known."""
    known = depth[np.isfinite(depth) & (depth > 0)]
    return (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)


def colorize_depth(
    depth: np.ndarray,
    vmin: float | None = None,
    vmax: float | None = None,
    cmap: str = "jet",
    mode: str = "disparity",
) -> np.ndarray:
    """Return a depth map as a BGR picture.

    Args:
        depth: (H, W) metres; values of 0 and below mean unknown and stay black.
        vmin: nearest distance of the scale, the smallest in the map when None.
        vmax: farthest distance of the scale, the largest in the map when None.
        cmap: name of an OpenCV colour map.
        mode: "disparity" spreads colours evenly over 1 / distance, near is high; "metric" over the distance itself.

    Raises:
        ValueError: on an unknown `cmap` or `mode`.
    """
    code = getattr(cv2, f"COLORMAP_{cmap.upper()}", None)
    if code is None:
        known = sorted(name[9:].lower() for name in dir(cv2) if name.startswith("COLORMAP_"))
        raise ValueError(f"'{cmap}' is no colour map; known are {', '.join(known)}.")
    if mode not in ("disparity", "metric"):
        raise ValueError(f"mode '{mode}' is unknown; use 'disparity' or 'metric'.")
    depth = np.asarray(depth, np.float32)
    known = np.isfinite(depth) & (depth > 0)
    if not known.any():
        return np.zeros((*depth.shape, 3), np.uint8)
    low, high = known_range(depth)
    near = low if vmin is None else max(vmin, 1e-6)
    far = high if vmax is None else max(vmax, near)
    value = depth.clip(near, far)
    if mode == "disparity":
        value, near, far = 1 / value, 1 / far, 1 / near
    level = (255 * (value - near) / max(far - near, 1e-9)).clip(0, 255)
    picture = cv2.applyColorMap(np.where(known, level, 0).astype(np.uint8), code)
    picture[~known] = 0
    return picture
