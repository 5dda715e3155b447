"""Models that turn pictures, and some of them texts, into embeddings of one space.

Any object with `name` and `encode_image`, and `encode_text` if it reads texts, is an embedder. Two are here: any
checkpoint through `YOLO.embed`, which knows pictures only, and CLIP from a folder of the library open_clip. Nothing is
downloaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
import torch
from PIL import Image

from ultralytics.models.yolo.model import YOLO
from ultralytics.solutions.embedding_index import file_checksum
from ultralytics.utils.checks import require
from ultralytics.utils.device import select_device
from ultralytics.utils.settings import weights_dir
from ultralytics.utils.text import printable

__all__ = ["CheckpointEmbedder", "ClipEmbedder", "ImageEmbedder", "TextEmbedder", "TextQueryError", "open_embedder"]

CLIP_CONFIG = "open_clip_config.json"
CLIP_WEIGHTS = "open_clip_model.safetensors"  # the one form of weights that holds numbers and nothing else


@runtime_checkable
class ImageEmbedder(Protocol):
    """What a model offers that pictures are searched with.

    Attributes:
        name: tells the model from others; another name means that an index is built anew.
    """

    name: str

    def encode_image(self, images: list[np.ndarray]) -> np.ndarray:
        """Return embeddings (N, D) of BGR uint8 pictures (H, W, 3)."""
        ...


@runtime_checkable
class TextEmbedder(ImageEmbedder, Protocol):
    """A model whose embeddings of texts lie beside those of pictures."""

    def encode_text(self, texts: list[str]) -> np.ndarray:
        """Return embeddings (N, D) of texts."""
        ...


class TextQueryError(ValueError):
    """A text was looked for with a model that knows pictures only."""

    def __init__(self, name: str):
        super().__init__(
            f"'{printable(name, 100)}' knows pictures only; search with a picture (a Path or an array), or give a CLIP "
            f"model: a folder of open_clip with {CLIP_CONFIG} and {CLIP_WEIGHTS}."
        )


class CheckpointEmbedder:
    """Embeddings by any checkpoint: the pooled output of its last layer but one, as `YOLO.embed` returns it.

    Args:
        path: a `.pt` file; classification models are meant for whole pictures.
        device: where it runs; as the argument of `predict`.
    """

    def __init__(self, path: str | Path, device: Any = None):
        self.model, self.device = YOLO(path), device
        file = Path(self.model.ckpt_path or path)
        self.name = f"{file.name} {file_checksum(file)[:16]}" if file.is_file() else str(path)

    def encode_image(self, images: list[np.ndarray]) -> np.ndarray:
        """Return embeddings (N, D) of BGR uint8 pictures (H, W, 3)."""
        # rect=False: or else a picture's padding, and so its embedding, would depend on what is in the batch with it.
        rows = self.model.embed(images, batch=len(images), rect=False, device=self.device, verbose=False)
        return torch.stack(list(rows)).float().cpu().numpy()


class ClipEmbedder:
    """Embeddings of pictures and texts by a CLIP model.

    Args:
        folder: a folder as open_clip publishes its models, with `open_clip_config.json` and
            `open_clip_model.safetensors`.
        device: where it runs.

    Raises:
        FileNotFoundError: one of the two files is not there.
        ImportError: open_clip is not installed.
    """

    def __init__(self, folder: str | Path, device: Any = None):
        folder = Path(folder)
        for name in (CLIP_CONFIG, CLIP_WEIGHTS):
            if not (folder / name).is_file():
                raise FileNotFoundError(f"'{printable(folder)}' is no CLIP folder: it has no {name}.")
        library = require("open_clip", extra="clip", why="a CLIP model")
        self.device = select_device(device, verbose=False)
        place = f"local-dir:{folder.resolve()}"
        model, self.transform = library.create_model_from_pretrained(place, device=str(self.device))
        self.model, self.tokenizer = model.eval(), library.get_tokenizer(place)
        self.name = f"{folder.name} {file_checksum(folder / CLIP_WEIGHTS)[:16]}"

    @torch.inference_mode()
    def encode_image(self, images: list[np.ndarray]) -> np.ndarray:
        """Return embeddings (N, D) of BGR uint8 pictures (H, W, 3)."""
        pictures = [Image.fromarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)) for image in images]
        batch = torch.stack([self.transform(picture) for picture in pictures]).to(self.device)
        return self.model.encode_image(batch).float().cpu().numpy()

    @torch.inference_mode()
    def encode_text(self, texts: list[str]) -> np.ndarray:
        """Return embeddings (N, D) of texts."""
        return self.model.encode_text(self.tokenizer(texts).to(self.device)).float().cpu().numpy()


def open_embedder(model: str | Path | ImageEmbedder | None, device: Any = None) -> ImageEmbedder:
    """Return what makes embeddings.

    Args:
        model: an embedder; a checkpoint; a CLIP folder; or None for what is on this machine: the first CLIP folder in
            the current folder or `weights_dir`, else the first `*-cls.pt` there.
        device: where a model that is opened here runs.

    Raises:
        FileNotFoundError: nothing given and nothing there, or no such file.
        TypeError: something else was given.
    """
    if model is None:
        model = _first_local([Path.cwd(), weights_dir()])
    if isinstance(model, (str, Path)):
        return ClipEmbedder(model, device) if Path(model).is_dir() else CheckpointEmbedder(model, device)
    if not isinstance(model, ImageEmbedder):
        raise TypeError(
            f"model={printable(repr(model), 100)} is no path, and has not the attributes 'name' and 'encode_image'."
        )
    return model


def _first_local(folders: Sequence[Path]) -> Path:
    for folder in folders:
        for config in sorted(folder.glob(f"*/{CLIP_CONFIG}")):
            if (config.parent / CLIP_WEIGHTS).is_file():
                return config.parent
    for folder in folders:
        for file in sorted(folder.glob("*-cls.pt")):
            return file
    raise FileNotFoundError(
        f"no model to search with in {' or '.join(f'{printable(str(folder))!r}' for folder in folders)}; give a "
        f"checkpoint, model='yolov8n-cls.pt', or a CLIP folder with {CLIP_CONFIG} and {CLIP_WEIGHTS}."
    )
