"""`Results`: everything a model found in one picture."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ultralytics.engine.results.boxes import Boxes
from ultralytics.engine.results.dense import DepthMap, SemanticMask
from ultralytics.engine.results.draw import DrawOptions, draw
from ultralytics.engine.results.keypoints import Keypoints
from ultralytics.engine.results.masks import Masks
from ultralytics.engine.results.obb import OBB
from ultralytics.engine.results.probs import Probs
from ultralytics.engine.results.save import save_crops, save_label_file
from ultralytics.engine.results.summary import class_counts, summarize
from ultralytics.engine.results.tables import DataExportMixin
from ultralytics.engine.results.tensors import PUBLIC_HOME, Array, BaseTensor
from ultralytics.nn.public import public
from ultralytics.ops.boxes import clip_boxes
from ultralytics.utils.log import LOGGER
from ultralytics.utils.namespace import SimpleClass
from ultralytics.utils.overrides import in_use
from ultralytics.utils.text import file_name

__all__ = ["Results", "results_class"]

PARTS: dict[str, type[BaseTensor]] = {
    "boxes": Boxes,
    "masks": Masks,
    "probs": Probs,
    "keypoints": Keypoints,
    "obb": OBB,
    "semantic_mask": SemanticMask,
    "depth": DepthMap,
}
STAGES = ("preprocess", "inference", "postprocess")


@public(PUBLIC_HOME)
class Results(SimpleClass, DataExportMixin):
    """What a model found in one picture; parts that its task does not give are None.

    Args:
        orig_img: (H, W, 3) original picture, BGR uint8.
        path: where it came from.
        names: class index to class name.
        boxes: (N, 6 or 7) detection rows, see `Boxes`.
        masks: (N, H, W) instance masks.
        probs: (nc,) class probabilities.
        keypoints: (N, K, 2 or 3) keypoints.
        obb: (N, 7 or 8) oriented boxes, see `OBB`.
        speed: milliseconds of preprocess, inference and postprocess.
        semantic_mask: (H, W) class of every pixel.
        depth: (H, W) distance of every pixel.

    Attributes:
        orig_shape: height and width of the original picture.
        save_dir: folder the predictor writes to, or None.
    """

    def __init__(
        self,
        orig_img: np.ndarray,
        path: str,
        names: Mapping[int, str],
        boxes: Array | None = None,
        masks: Array | None = None,
        probs: Array | None = None,
        keypoints: Array | None = None,
        obb: Array | None = None,
        speed: dict[str, float | None] | None = None,
        semantic_mask: Array | None = None,
        depth: Array | None = None,
    ) -> None:
        self.orig_img = orig_img
        self.orig_shape: tuple[int, int] = tuple(orig_img.shape[:2])
        self.path = path
        self.names = names
        self.speed = dict.fromkeys(STAGES) if speed is None else speed
        self.save_dir: str | Path | None = None
        given = (boxes, masks, probs, keypoints, obb, semantic_mask, depth)
        for name, data in zip(PARTS, given, strict=True):
            self._store(name, data)

    def _store(self, name: str, data: Array | BaseTensor | None) -> None:
        """Keep a part, wrapped in its class."""
        raw = data is not None and not isinstance(data, BaseTensor)
        setattr(self, name, PARTS[name](data, self.orig_shape) if raw else data)

    def _parts(self) -> dict[str, BaseTensor]:
        """Return the parts that are there."""
        return {name: part for name in PARTS if (part := getattr(self, name)) is not None}

    def _apply(self, fn: str, *args: Any, **kwargs: Any) -> Results:
        """Return a copy with every part replaced by what its method `fn` returns."""
        other = self.new()
        for name, part in self._parts().items():
            setattr(other, name, getattr(part, fn)(*args, **kwargs))
        return other

    def __len__(self) -> int:
        """Return the number of detections: the length of the first part that is there, 0 without any."""
        return next((len(part) for part in self._parts().values()), 0)

    def __getitem__(self, idx: Any) -> Results:
        """Return results with the detections that an index, slice, mask or index array selects."""
        return self._apply("__getitem__", idx)

    def new(self) -> Results:
        """Return results of the same picture without any part."""
        other = copy.copy(self)  # whatever a subclass's constructor takes
        other.speed = dict(self.speed)
        for name in PARTS:
            setattr(other, name, None)
        return other

    def owned(self) -> Results:
        """Return itself with parts that may be edited and take part in gradients, whatever mode they were made in."""
        with torch.inference_mode(False):
            for part in self._parts().values():
                if isinstance(part.data, torch.Tensor) and part.data.is_inference():
                    part.data = part.data.clone()
        return self

    def cpu(self) -> Results:
        """Return a copy in main memory."""
        return self._apply("cpu")

    def numpy(self) -> Results:
        """Return a copy whose parts hold numpy arrays."""
        return self._apply("numpy")

    def cuda(self) -> Results:
        """Return a copy on the current GPU."""
        return self._apply("cuda")

    def to(self, *args: Any, **kwargs: Any) -> Results:
        """Return a copy moved or cast; arguments as in `torch.Tensor.to`."""
        return self._apply("to", *args, **kwargs)

    def update(
        self,
        boxes: Array | None = None,
        masks: Array | None = None,
        probs: Array | None = None,
        obb: Array | None = None,
        keypoints: Array | None = None,
        semantic_mask: Array | None = None,
        depth: Array | None = None,
    ) -> None:
        """Replace parts; boxes are clipped to the picture. What is None stays."""
        if boxes is not None and not isinstance(boxes, BaseTensor):
            boxes = boxes.copy() if isinstance(boxes, np.ndarray) else boxes.clone()
            boxes[..., :4] = clip_boxes(boxes[..., :4], self.orig_shape)
        given = (boxes, masks, probs, keypoints, obb, semantic_mask, depth)
        for name, data in zip(PARTS, given, strict=True):
            if data is not None:
                self._store(name, data)

    def plot(
        self,
        conf: bool = True,
        line_width: float | None = None,
        font_size: float | None = None,
        font: str = "Arial.ttf",
        pil: bool = False,
        img: np.ndarray | None = None,
        kpt_radius: int = 5,
        kpt_line: bool = True,
        labels: bool = True,
        boxes: bool = True,
        masks: bool = True,
        probs: bool = True,
        show: bool = False,
        save: bool = False,
        filename: str | Path | None = None,
        color_mode: str = "class",
        txt_color: tuple[int, int, int] = (255, 255, 255),
        im_gpu: Any = None,
    ) -> np.ndarray | Image.Image:
        """Return the picture with everything drawn on a copy of it.

        Args:
            conf: write scores.
            line_width: pixels; chosen by picture size when None.
            font_size: pixels; chosen by picture size when None.
            font: font file for names that are not plain ASCII.
            pil: draw text with a TrueType font and return a PIL image (RGB) instead of a BGR array.
            img: picture to draw on instead of the original.
            kpt_radius: radius of keypoints in pixels.
            kpt_line: connect keypoints that form a human skeleton.
            labels: write class names.
            boxes: draw boxes.
            masks: draw masks.
            probs: write class probabilities.
            show: open the picture in a window.
            save: write the picture to `filename`.
            filename: target of `save`; `results_<name of the source>` when None.
            color_mode: "class" gives each class a colour, "instance" each object.
            txt_color: BGR colour of text.
            im_gpu: ignored; older releases drew masks on the network input.

        Raises:
            ValueError: on an unknown `color_mode`.
        """
        if im_gpu is not None:
            LOGGER.warning("'im_gpu' is not used any more: masks are drawn on the picture itself.")
        options = DrawOptions(
            conf=conf,
            line_width=line_width,
            font_size=font_size,
            font=font,
            pil=pil,
            kpt_radius=kpt_radius,
            kpt_line=kpt_line,
            labels=labels,
            boxes=boxes,
            masks=masks,
            probs=probs,
            color_mode=color_mode,
            txt_color=txt_color,
        )
        annotator = draw(self, options, img)
        if show:
            annotator.show(self.path)
        if save:
            annotator.save(str(filename or self._default_name()))
        return annotator.result(pil)

    def _default_name(self) -> str:
        source = Path(self.path)
        return f"results_{file_name(source.stem)}{source.suffix}"

    def show(self, *args: Any, **kwargs: Any) -> None:
        """Open the annotated picture in a window; arguments as in `plot`."""
        self.plot(*args, show=True, **kwargs)

    def save(self, filename: str | Path | None = None, *args: Any, **kwargs: Any) -> str:
        """Write the annotated picture and return its path; further arguments as in `plot`."""
        filename = str(filename or self._default_name())
        self.plot(*args, save=True, filename=filename, **kwargs)
        return filename

    def verbose(self) -> str:
        """Return what was found in words, such as `2 persons, 1 bus, `."""
        return class_counts(self)

    def save_txt(self, txt_file: str | Path, save_conf: bool = False) -> str:
        """Append one label row per detection to a file and return its path.

        Args:
            txt_file: target; its folder is made.
            save_conf: add the score to every row.
        """
        return save_label_file(self, txt_file, save_conf)

    def save_crop(self, save_dir: str | Path, file_name: str | Path = Path("im.jpg")) -> None:
        """Write every detection's part of the picture to `<save_dir>/<class>/<stem of file_name>.jpg`."""
        save_crops(self, save_dir, file_name)

    def summary(self, normalize: bool = False, decimals: int = 5) -> list[dict[str, Any]]:
        """Return one dictionary of plain values per detection: name, class, confidence, box, track_id, segments ...

        Args:
            normalize: coordinates as shares of the picture's sides instead of pixels.
            decimals: digits kept.
        """
        return summarize(self, normalize, decimals)

    def tojson(self, normalize: bool = False, decimals: int = 5) -> str:
        """Return the same as `to_json`, under its name in older releases."""
        return self.to_json(normalize=normalize, decimals=decimals)


def results_class() -> type[Results]:
    """Return the class of results: `Results`, or what a user has put in its place on `ultralytics.engine.results`."""
    return in_use(Results, PUBLIC_HOME)
