"""Run an exported detector without this package and without torch: numpy, OpenCV and ONNX Runtime are enough.

python examples/onnxruntime_only.py best.onnx image.jpg --conf 0.25

The file says what it needs: names, image size, whether rows are final (`nms=True`, end-to-end heads). Copy from it into
your own program. Boxes are those of `yolo predict model=best.onnx` to a hundredth of a pixel.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import onnxruntime

GREY = 114  # of the border
MOST = 300  # detections


@dataclass(frozen=True)
class Detector:
    """An opened file.

    Attributes:
        session: runs it.
        names: class names by number.
        size_hw: height and width of its input in pixels.
        final: its output has final detections, so nothing is suppressed here.
    """

    session: onnxruntime.InferenceSession
    names: dict[int, str]
    size_hw: tuple[int, int]
    final: bool


def open_detector(file: str) -> Detector:
    """Open a file and read its metadata, whose values are texts of Python literals."""
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    told = session.get_modelmeta().custom_metadata_map
    if told.get("task") != "detect":
        raise SystemExit(f"{file} is for the task '{told.get('task')}'; this example reads detections.")
    height, width = ast.literal_eval(told["imgsz"])
    final = told.get("end2end") == "True" or ast.literal_eval(told["args"]).get("nms") is True
    return Detector(session, ast.literal_eval(told["names"]), (height, width), final)


def letterboxed(picture: np.ndarray, size_hw: tuple[int, int]) -> tuple[np.ndarray, float, int, int]:
    """Return a picture (H, W, 3) in the middle of a grey one of the input's size, with gain, left and top border."""
    height, width = picture.shape[:2]
    gain = min(size_hw[0] / height, size_hw[1] / width)
    new_width, new_height = round(width * gain), round(height * gain)
    left = round((size_hw[1] - new_width) / 2 - 0.1)
    top = round((size_hw[0] - new_height) / 2 - 0.1)
    canvas = np.full((*size_hw, 3), GREY, np.uint8)
    canvas[top : top + new_height, left : left + new_width] = cv2.resize(picture, (new_width, new_height))
    return canvas, gain, left, top


def suppressed(boxes: np.ndarray, scores: np.ndarray, iou: float) -> list[int]:
    """Return positions of the boxes (N, 4) x1, y1, x2, y2 that no better kept one overlaps by more than `iou`."""
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    order, kept = np.argsort(-scores, kind="stable"), []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(int(best))
        low, high = np.maximum(boxes[best, :2], boxes[order, :2]), np.minimum(boxes[best, 2:], boxes[order, 2:])
        shared = np.maximum(high - low, 0).prod(1)
        order = order[shared <= iou * (area[best] + area[order] - shared)]
    return kept


def detect(
    detector: Detector, picture: np.ndarray, conf: float = 0.25, iou: float = 0.7, most: int = 300
) -> np.ndarray:
    """Return detections (N, 6) of a BGR picture: x1, y1, x2, y2 in its pixels, score, class."""
    canvas, gain, left, top = letterboxed(picture, detector.size_hw)
    images = np.ascontiguousarray(canvas[None, :, :, ::-1].transpose(0, 3, 1, 2), np.float32) / 255
    output = detector.session.run(None, {detector.session.get_inputs()[0].name: images})[0][0]
    if detector.final:  # (N, 6)
        rows = output[output[:, 4] > conf, :6]
    else:  # (4 + classes, anchors): centre, size, a score for each class
        scores, classes = output[4:].max(0), output[4:].argmax(0)
        chosen = scores > conf
        centre, half = output[:2, chosen].T, output[2:4, chosen].T / 2
        columns = [centre - half, centre + half, scores[chosen, None], classes[chosen, None]]
        rows = np.concatenate(columns, 1)
        apart = rows[:, 5:] * 2 * max(detector.size_hw)  # boxes of different classes do not meet
        rows = rows[suppressed(rows[:, :4] + apart, rows[:, 4], iou)]
    rows = rows[:MOST].astype(np.float32)
    rows[:, :4] = (rows[:, :4] - [left, top, left, top]) / gain
    height, width = picture.shape[:2]
    rows[:, :4] = rows[:, :4].clip(0, [width, height, width, height])
    return rows


def main(argv: Sequence[str] | None = None) -> np.ndarray:
    """Run the example, print the detections and return them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file")
    parser.add_argument("picture")
    parser.add_argument("--conf", type=float, default=0.25)
    parser.add_argument("--iou", type=float, default=0.7)
    args = parser.parse_args(argv)
    picture = cv2.imread(args.picture)
    if picture is None:
        raise SystemExit(f"{args.picture} is no picture.")
    detector = open_detector(args.file)
    rows = detect(detector, picture, args.conf, args.iou)
    for x1, y1, x2, y2, score, number in rows:
        print(f"{detector.names[int(number)]} {score:.2f}  {x1:.1f} {y1:.1f} {x2:.1f} {y2:.1f}")
    return rows


if __name__ == "__main__":
    main()
