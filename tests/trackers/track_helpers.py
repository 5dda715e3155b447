"""Films with one known object, and a predictor that finds it by its colour: tracking without a trained network."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from ultralytics.engine.results import Results
from ultralytics.models.yolo.detect import DetectionPredictor

COLOURS = ((0, 0, 255), (0, 255, 0), (255, 0, 0))


def frame_of(boxes, size_hw=(128, 160)) -> np.ndarray:
    """Draw boxes (x1, y1, x2, y2), each in a colour of its own."""
    image = np.full((*size_hw, 3), 90, np.uint8)
    for (x1, y1, x2, y2), colour in zip(boxes, COLOURS, strict=False):
        cv2.rectangle(image, (int(x1), int(y1)), (int(x2), int(y2)), colour, -1)
    return image


def moving(count: int = 12, objects: int = 2) -> list[np.ndarray]:
    """Frames in which objects move to the right and down."""
    starts = [(10 + 60 * i, 20 + 30 * i) for i in range(objects)]
    return [frame_of([(x + 3 * t, y + t, x + 3 * t + 40, y + t + 30) for x, y in starts]) for t in range(count)]


def write_film(path: Path, frames, fps: float = 30) -> str:
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), fps, (width, height))
    for frame in frames:
        writer.write(frame)
    writer.release()
    return str(path)


def find_objects(image: np.ndarray) -> np.ndarray:
    """Return rows x1, y1, x2, y2, conf, cls of the coloured boxes."""
    rows = []
    for colour in COLOURS:
        ys, xs = np.nonzero((np.abs(image.astype(int) - colour) < 70).all(-1))
        if len(xs) > 20:
            rows.append([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1, 0.9, 0])
    return np.array(rows, np.float32).reshape(-1, 6)


class Finder(DetectionPredictor):
    """Finds coloured boxes; the network runs, and what it says is not looked at."""

    def postprocess(self, preds, img, orig_imgs, **kwargs):
        return [
            Results(image, path=str(path), names=self.model.names, boxes=torch.from_numpy(find_objects(image)))
            for image, path in zip(self.originals(orig_imgs), self.batch[0], strict=True)
        ]


def square(x, y, size=20, score=0.9, cls=0) -> list[float]:
    return [x, y, x + size, y + size, score, cls]
