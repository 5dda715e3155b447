"""Appearance: vectors that are alike for pictures of one object, from a model of one's own or the detector's.

The detector's own features cost no second pass (`trackers/features.py` takes them out of its output); `model: auto`
asks for them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from ultralytics.engine.plots.crops import save_one_box
from ultralytics.nn.autobackend import AutoBackend
from ultralytics.ops.boxes import xywh2xyxy
from ultralytics.ops.rotated import xywhr2xyxyxyxy
from ultralytics.trackers.observations import Observations
from ultralytics.utils.device import select_device
from ultralytics.utils.downloads import attempt_download_asset
from ultralytics.utils.lazy import offer

__all__ = ["AUTO", "REID_ASSETS", "ReID", "build_encoder", "smooth_feature"]

AUTO = "auto"
REID_ASSETS = frozenset(f"yolo26{size}-reid.onnx" for size in "nsmlx")
AT_ONCE = 64  # crops of a forward pass, where a model takes any number


class ReID:
    """Turns crops of a frame into vectors.

    Args:
        model: classification checkpoint (`.pt`), of which the layer before the head is used, or any exported model
            whose output is a vector.
        imgsz: size of the crops, px, where the model takes any.
        device: where to run; the first accelerator, else the CPU, where None.
        fp16: half precision.
    """

    def __init__(self, model: str | Path, imgsz: int = 224, device: Any = None, fp16: bool = False) -> None:
        name = str(model)
        path = attempt_download_asset(name) if name.endswith(".pt") or name in REID_ASSETS else name
        if device is None:
            device = "cuda:0" if torch.cuda.is_available() else "cpu"
        device = device if isinstance(device, torch.device) else select_device(device, verbose=False)
        self.backend = AutoBackend(path, device=device, fp16=fp16, verbose=False).eval()
        layers = getattr(self.backend.model, "model", None)
        if self.backend.pt and not isinstance(layers, nn.Sequential):
            raise TypeError(f"'{name}' has no sequence of layers to take appearance from; give a classification model.")
        self.layers = [len(layers) - 2] if self.backend.pt else None
        free = self.backend.dynamic
        self.size_hw = (imgsz, imgsz) if free else tuple(self.backend.imgsz)
        self.fixed_batch = 0 if self.backend.free_batch else int(self.backend.batch)

    def __call__(self, img: np.ndarray, dets: Any) -> list[np.ndarray | None]:
        """Return a vector (D,) for every detection, None for those outside of the frame.

        Args:
            img: (H, W, 3) frame, BGR.
            dets: `Observations`, or rows (N, 4 or more): centre x, centre y, width, height, and, where they have six
                values or more, the angle.
        """
        crops = [_crop(img, corners) for corners in _corners(dets)]
        usable = [i for i, crop in enumerate(crops) if crop.size]
        out: list[np.ndarray | None] = [None] * len(crops)
        step = self.fixed_batch or AT_ONCE
        for at in range(0, len(usable), step):
            part = usable[at : at + step]
            for i, vector in zip(part, self._vectors([crops[i] for i in part]), strict=True):
                out[i] = vector
        return out

    @torch.inference_mode()
    def _vectors(self, crops: list[np.ndarray]) -> np.ndarray:
        """Return the vectors (N, D) of RGB crops, in one forward pass."""
        height, width = self.size_hw
        pixels = np.zeros((max(len(crops), self.fixed_batch), height, width, 3), np.uint8)
        for target, crop in zip(pixels, crops, strict=False):
            target[:] = cv2.resize(crop, (width, height), interpolation=cv2.INTER_LINEAR)
        batch = torch.from_numpy(pixels).to(self.backend.device).permute(0, 3, 1, 2)
        batch = batch.to(torch.float16 if self.backend.fp16 else torch.float32) / 255
        found = self.backend(batch, embed=self.layers) if self.layers else self.backend(batch)
        if isinstance(found, (list, tuple)):
            found = torch.stack(list(found)) if self.layers else found[0]
        return found.reshape(len(batch), -1)[: len(crops)].float().cpu().numpy()


def _corners(dets: Any) -> np.ndarray:
    """Return corners (N, 4) of upright boxes or (N, 4, 2) of oriented ones."""
    if isinstance(dets, Observations):
        return dets.xyxy if dets.angle is None else xywhr2xyxyxyxy(dets.shapes)
    rows = np.asarray(dets, dtype=np.float32).reshape(len(dets), -1)
    return xywhr2xyxyxyxy(rows[:, :5]) if rows.shape[1] >= 6 else xywh2xyxy(rows[:, :4])


def _crop(img: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Return a crop (h, w, 3), RGB; empty where the box lies outside of the frame."""
    flat = corners.reshape(-1, 2)
    inside = (flat.max(0) > 0).all() and (flat.min(0) < img.shape[1::-1]).all()
    crop = save_one_box(corners, img, save=False) if inside else np.empty((0, 0, 3), np.uint8)
    return np.ascontiguousarray(np.repeat(crop, 3, -1) if crop.shape[-1] == 1 else crop)


def build_encoder(with_reid: bool, model: str, device: Any = None) -> ReID | None:
    """Return what makes vectors of detections; None where a caller gives them, or appearance is not compared.

    Args:
        with_reid: whether it is compared.
        model: `auto` for vectors that the caller gives (`update(..., feats=)`), else a model for `ReID`.
        device: where to run it.
    """
    return ReID(model, device=device) if with_reid and model != AUTO else None


def smooth_feature(feat: Any, smooth: np.ndarray | None, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a vector, and the running average with it, both of length 1.

    Args:
        feat: (D,) new vector.
        smooth: (D,) average so far; None at first.
        alpha: share of the old in the average.
    """
    new = np.asarray(feat, dtype=np.float32).reshape(-1)
    new = new / (np.linalg.norm(new) or 1)
    if smooth is None or smooth.shape != new.shape:
        return new, new
    mixed = alpha * smooth + (1 - alpha) * new
    return new, mixed / (np.linalg.norm(mixed) or 1)


__getattr__, __dir__ = offer(__name__)
