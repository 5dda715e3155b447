"""Pictures of per-pixel results: class maps and depth maps."""

from __future__ import annotations

import cv2
import numpy as np

from ultralytics.engine.plots.palette import colors

__all__ = ["blend_classes", "colorize_depth"]


def blend_classes(image: np.ndarray, mask: np.ndarray, alpha: float = 0.5, ignore_index: int = 255) -> None:
    """Tint (H, W, 3) BGR pixels in place by their class in `mask` (h, w); pixels of `ignore_index` stay."""
    height, width = image.shape[:2]
    if mask.shape != (height, width):
        mask = cv2.resize(mask.astype(np.int32), (width, height), interpolation=cv2.INTER_NEAREST)
    palette = np.array([colors(i, True) for i in range(colors.n)], np.float32)
    known = mask != ignore_index
    image[known] = image[known] * (1 - alpha) + palette[mask[known] % colors.n] * alpha


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
    near = depth[known].min() if vmin is None else max(vmin, 1e-6)
    far = depth[known].max() if vmax is None else vmax
    value = depth.clip(near, far)
    if mode == "disparity":
        value, near, far = 1 / value, 1 / far, 1 / near
    level = (255 * (value - near) / max(far - near, 1e-9)).clip(0, 255)
    picture = cv2.applyColorMap(np.where(known, level, 0).astype(np.uint8), code)
    picture[~known] = 0
    return picture
