"""One way to run a model, whatever file it is in.

`AutoBackend` finds the format by the file's name, opens it and gives it the same call: images (B, C, H, W), RGB in
0..1, in; decoded predictions out. What the file says about itself (stride, names, task ...) becomes attributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.nn.backends.base import each_tensor, format_class
from ultralytics.nn.backends.pytorch import NativeRuntime
from ultralytics.nn.backends.table import FORMATS, FormatFacts, format_of
from ultralytics.utils.checks.files import check_file
from ultralytics.utils.device import select_device
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER
from ultralytics.utils.yaml_io import YAML

__all__ = ["AutoBackend", "check_class_names", "default_class_names"]

FLAGS = (
    *("torchscript", "onnx", "openvino", "engine", "coreml", "saved_model", "pb", "edgetpu", "paddle", "ncnn", "mnn"),
    "triton",
)
OLD_FLAGS = {"jit": "torchscript", "xml": "openvino", "tflite": "litert"}  # names of 8.1


def check_class_names(names: Sequence[str] | Mapping[Any, Any]) -> dict[int, str]:
    """Return class names as a dict with keys 0 .. n - 1.

    Raises:
        KeyError: if a key is missing, that is, if the largest one is not n - 1.
    """
    named = dict(enumerate(names)) if isinstance(names, (list, tuple)) else dict(names)
    named = {int(k): str(v) for k, v in named.items()}
    if named and (max(named) >= len(named) or min(named) < 0):
        raise KeyError(
            f"{len(named)} class names need the numbers 0 to {len(named) - 1}, got {min(named)} to {max(named)}."
        )
    return named


def default_class_names(data: str | Path | None = None, nc: int = 999) -> dict[int, str]:
    """Return the class names of a data set YAML, or `class0`, `class1` ... where there is none to read."""
    if data:
        try:
            file = check_file(str(data), (".yaml", ".yml"), download=False)  # names are not worth a download
            return check_class_names(YAML.load(file)["names"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            LOGGER.debug(f"no class names in '{data}': {error}")
    return {i: f"class{i}" for i in range(nc)}


class AutoBackend(nn.Module):
    """A model file, or a network, ready for inference.

    Attributes: `stride` pixels, `names` by class index, `task`, `batch`, `imgsz` [h, w], `kpt_shape`, `channels`,
    `dynamic` (takes images of any size), `free_batch` (and any number of them), `end2end` (rows are final, no
    suppression needed), `fp16` (images should come in float16), `device`, `format`, `pt`, `nn_module`, `metadata`.

    Args:
        model: path of a checkpoint or an exported file, address of a model on a Triton server, or a network (which is
            not changed).
        device: where to run; the CPU where None.
        dnn: run ONNX files with OpenCV.
        data: data set YAML for class names that the file lacks.
        fp16: half precision; bfloat16 on processors that have it (see `NativeRuntime`).
        fuse: fold norms of PyTorch models.
        verbose: log the loading, and the summary of folded models.
        channels_last: memory layout of PyTorch models; None takes the faster one.
        end2end: choose the head of PyTorch models that have both.
        compile: run PyTorch models by `torch.compile`, True or a mode.
        trust: let a checkpoint load any class, and a TorchScript file run any operator.

    Raises:
        FileNotFoundError: no such file.
        ConnectionError: a server that does not answer, or does not have the model.
        TypeError: no format has this suffix.
        NotImplementedError: a format that cannot be run yet.
        ValueError: the file is damaged, what it says about itself cannot be right (`MetadataError`), `dnn` for another
            format than ONNX, or a file that OpenCV cannot run.
    """

    def __init__(
        self,
        model: str | Path | nn.Module = "yolo26n.pt",
        device: torch.device | str | None = None,
        dnn: bool = False,
        data: str | Path | None = None,
        fp16: bool = False,
        fuse: bool = True,
        verbose: bool = True,
        channels_last: bool | None = None,
        end2end: bool | None = None,
        trust: bool = False,
        compile: bool | str = False,
    ):
        super().__init__()
        device = device if isinstance(device, torch.device) else select_device(device or "cpu", verbose=False)
        options = {"fuse": fuse, "channels_last": channels_last, "end2end": end2end, "verbose": verbose}
        options["compile"] = compile
        facts = FORMATS["-"] if isinstance(model, nn.Module) else _format_of_file(model)
        self.dnn = dnn
        if dnn and facts.name != "onnx":
            raise ValueError(f"dnn=True has OpenCV run ONNX files, and this is {facts.title}; leave it out.")
        if isinstance(model, nn.Module):
            self.runtime = NativeRuntime(model, device, fp16, **options)
        else:
            extra = options if facts.name == "-" else {"dnn": True} if dnn else {}
            if verbose and facts.name != "-":
                LOGGER.info(f"Loading {model} for {facts.title} inference...")
            place = str(model) if facts.remote else Path(model)
            self.runtime = format_class(facts).load(place, device, fp16, trust=trust, **extra)
        self.format = "pt" if facts.name == "-" else facts.name
        self.pt, self.nn_module = self.format == "pt", isinstance(model, nn.Module)
        for flag in FLAGS:
            setattr(self, flag, flag == self.format)
        for flag, name in OLD_FLAGS.items():
            setattr(self, flag, name == self.format)
        self.device = self.runtime.device
        self.fp16 = self.runtime.dtype == torch.float16
        self.metadata = dict(self.runtime.metadata)
        self._apply_metadata(data)
        self.training = False

    def _apply_metadata(self, data: str | Path | None) -> None:
        """Set the attributes that the metadata decides."""
        known = self.metadata
        if not known:
            LOGGER.warning("the model file carries no metadata: assuming stride 32, task detect and numbered classes.")
        args = known.get("args", {})
        self.task = known.get("task", "detect")
        self.batch = known.get("batch", 1)
        self.imgsz = known.get("imgsz", [640, 640])
        self.kpt_shape = known.get("kpt_shape")
        self.kpt_names = known.get("kpt_names")
        self.channels = known.get("channels", 3)
        self.dynamic = self.pt or bool(args.get("dynamic", known.get("dynamic", False)))
        self.free_batch = self.dynamic or bool(known.get("free_batch", False))
        # Whatever takes any size gets the sizes that training used, so that both kinds of file see the same pictures.
        self.stride = max(known.get("stride", 32), 32 if self.dynamic else 1)
        self.end2end = known.get("end2end", False) or args.get("nms") is True
        names = known.get("names")
        self.names = check_class_names(names) if names else default_class_names(data)

    @property
    def model(self) -> nn.Module | None:
        """The network, for PyTorch models."""
        return self.runtime.model if self.pt else None

    def forward(self, im: torch.Tensor, augment: bool = False, embed: Any = None, **kwargs: Any) -> Any:
        """Run the model.

        Args:
            im: (B, C, H, W) float RGB in 0..1.
            augment: several views per image; PyTorch models only.
            embed: layers to return features of; PyTorch models only.
            **kwargs: passed on to PyTorch models.

        Returns:
            For PyTorch models what the network returns in evaluation mode: `(decoded, raw)`. For exported ones the
            decoded tensor, or a list where the graph has several outputs. On `self.device`, float32.

        Raises:
            ValueError: if the images have the wrong number of channels or axes.
        """
        if im.ndim != 4 or im.shape[1] != self.channels:
            raise ValueError(
                f"the model takes images (B, {self.channels}, H, W), got a tensor of shape {tuple(im.shape)}."
            )
        if self.pt:
            y = self.runtime.run(im, augment=augment, embed=embed, **kwargs)
            return each_tensor(y, _wide) if self.runtime.dtype == torch.bfloat16 else y
        for name, value in (("augment", augment), ("embed", embed)):
            if value:
                raise ValueError(f"{name}={value} needs a PyTorch model (.pt); this is {self.format}.")
        outputs = self._by_batches(im)
        return outputs[0] if len(outputs) == 1 else outputs

    def _by_batches(self, im: torch.Tensor) -> list[torch.Tensor]:
        """Run a graph; one with a fixed batch gets the images in portions of it, the last one filled up with zeros."""
        count, size = im.shape[0], self.batch
        if self.free_batch or count == size:
            return [_wide(y) for y in self.runtime.forward(im)]
        portions = []
        for start in range(0, count, size):
            part = im[start : start + size]
            filled = F.pad(part, (0, 0, 0, 0, 0, 0, 0, size - len(part)))
            portions.append([y[: len(part)] for y in self.runtime.forward(filled)])
        return [_wide(torch.cat(parts)) for parts in zip(*portions, strict=True)]

    def from_numpy(self, x: np.ndarray | torch.Tensor) -> torch.Tensor:
        """Return an array as a tensor on the model's device."""
        return torch.as_tensor(x).to(self.device)

    def warmup(self, imgsz: Sequence[int] = (1, 3, 640, 640), im: torch.Tensor | None = None) -> None:
        """Run once on an accelerator, whose first call is slow; processors need no warm-up.

        Args:
            imgsz: shape (B, C, H, W) of the empty images.
            im: images to take instead.
        """
        if self.device.type == "cpu":
            return
        image = torch.zeros(*imgsz, device=self.device) if im is None else im
        for _ in range(2 if self.jit else 1):
            self.forward(image)

    def eval(self) -> AutoBackend:
        """Stay in evaluation mode; there is no other."""
        return self.train(False)

    def train(self, mode: bool = True) -> AutoBackend:
        """Refuse training: the folded network could not learn."""
        if mode:
            raise ValueError("AutoBackend is for inference; train the model itself.")
        return self


def _format_of_file(path: str | Path) -> FormatFacts:
    """Return the format of a file name.

    Raises:
        TypeError: no format has such a name.
        FileNotFoundError: an exported file that does not exist. (Checkpoints may still be downloaded by name.)
    """
    facts = format_of(path)
    if facts is None:
        suffixes = ", ".join(row.suffix for row in FORMATS.values() if row.home)
        raise TypeError(f"'{path}' is no model file that can be run; its name should contain one of {suffixes}.")
    if facts.name != "-" and not facts.remote and not Path(path).exists():
        raise FileNotFoundError(f"{facts.title} file '{path}' does not exist; export it first: format='{facts.name}'.")
    return facts


def _wide(y: torch.Tensor) -> torch.Tensor:
    return y.float() if y.is_floating_point() else y


__getattr__, __dir__ = offer(__name__)
