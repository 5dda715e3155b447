"""What every format shares: facts, the plan of one export, the runtime that runs the result, and the metadata in it.

A format is one class in one file: `check` turns arguments into a plan, `export` writes a prepared model, `load` opens
the file again. The exporter and `AutoBackend` call these three and never ask for a format's name.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ultralytics.cfg.errors import ConfigValueError
from ultralytics.nn.backends.table import FORMATS, FormatFacts, refusal
from ultralytics.nn.protocols import ExportTarget
from ultralytics.utils.checks.requirements import require
from ultralytics.utils.lazy import offer

__all__ = [
    "ExportArgumentError",
    "ExportFormat",
    "ExportPlan",
    "Limits",
    "OwnFormat",
    "Runtime",
    "as_list",
    "each_tensor",
    "format_class",
    "validate_args",
]

CPU = torch.device("cpu")
NEUTRAL = {"dynamic": False, "opset": None, "workspace": None, "optimize": False, "nms": None, "batch": 1}


class ExportArgumentError(ConfigValueError, AssertionError):
    """An argument that a format does not take; AssertionError is what the public interface promises."""


@dataclass(frozen=True)
class ExportPlan:
    """Everything that is decided before the model is touched.

    Attributes:
        imgsz: height and width of the input in pixels.
        batch: images per call; a hint where it stays free.
        dynamic: batch size, height and width stay free.
        free_batch: the batch size alone stays free.
        precision: bits of the weights, 32, 16 or 8.
        device: where the graph is recorded.
        channels: input channels.
        opset: ONNX operator set, or None for a good one.
        min_opset: oldest operator set that can write the network.
        simplify: clean the graph up after recording.
        nms: put the suppression into the graph.
        conf, iou, max_det, agnostic: its settings.
        outputs: names of the graph's outputs.
        ranks: number of axes of each of them.
        final_rows: the first output holds final detections (B, N, 6 + E).
        metadata: what readers need to know, as in the file.
        dynamic_form: how dynamic convolutions compute; empty lets them choose.
        workspace: working memory of a builder in GiB, or None for its own choice.
        class_maps: the graph gives the class of every pixel (B, H, W).
        pictures: starts a pass over the calibration pictures, batches (B, C, H, W) of float32 from 0 to 1; None where
            the export needs none.
    """

    imgsz: tuple[int, int] = (640, 640)
    batch: int = 1
    dynamic: bool = False
    free_batch: bool = False
    precision: int = 32
    device: torch.device = CPU
    channels: int = 3
    opset: int | None = None
    min_opset: int = 1
    simplify: bool = True
    nms: bool = False
    conf: float = 0.25
    iou: float = 0.7
    max_det: int = 300
    agnostic: bool = False
    outputs: tuple[str, ...] = ("output0",)
    ranks: tuple[int, ...] = (3,)
    final_rows: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)
    dynamic_form: str = ""
    workspace: float | None = None
    class_maps: bool = False
    pictures: Callable[[], Iterator[np.ndarray]] | None = None

    @property
    def target(self) -> ExportTarget:
        """What blocks get to know."""
        constant = self.dynamic_form == "patches"
        return ExportTarget(self.batch, self.any_batch, not constant, self.imgsz, self.dynamic_form)

    @property
    def any_batch(self) -> bool:
        """Whether the batch size stays free, with height and width or alone."""
        return self.dynamic or self.free_batch

    @property
    def half(self) -> bool:
        """Whether the weights are stored in 16 bits."""
        return self.precision == 16


@dataclass(frozen=True)
class Limits:
    """How far an exported file may be from torch, for images of 320 by 320 pixels.

    Attributes:
        pixels: boxes and everything else that grows with the image.
        score: scores, 0..1.
        correlation: least correlation of scores; 0 where the differences say it all.
    """

    pixels: float = 1e-3
    score: float = 1e-5
    correlation: float = 0.0


LIMITS = {32: Limits(), 16: Limits(1.0, 5e-3)}  # by precision; weights of 16 bits cost large networks more
FEW_BITS = Limits(10.0, 0.05, 0.9)  # 8 bits: far enough from what is broken, which gives constant scores


class Runtime(ABC):
    """An opened model: decoded outputs for normalised images.

    Attributes:
        metadata: parsed metadata of the file, empty where it has none.
        device: where inputs are expected and outputs are returned.
        dtype: what inputs have to be.
    """

    metadata: dict[str, Any]
    device: torch.device
    dtype: torch.dtype = torch.float32

    @abstractmethod
    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Map images (B, C, H, W), RGB in 0..1, to all outputs of the graph in order."""

    def close(self) -> None:  # noqa: B027 - most runtimes have nothing to release
        """Release what the runtime holds."""


class ExportFormat(ABC):
    """One format: what it takes, how a file is written, how it is run."""

    name: str  # key of the facts table
    end_to_end = True  # heads that give final detections may do so in the graph
    runs_here = True  # this package runs the files
    tools: tuple[tuple[str, str], ...] = ()  # packages that write the files, with the extras that bring them
    own_nms = False  # the runtime has an operator of its own for suppression
    static_nms = False  # the number of boxes that survive is no size that a graph may leave free
    class_maps = False  # where pixels have classes, files give these instead of logits
    # How a fresh file is run to check it: a function of `arrays`, and what it imports; without one, `load` in torch.
    opener = ""
    runtimes: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()  # distributions whose versions an error names
    calibrated: tuple[int | str, ...] = ()  # precisions that calibration pictures are needed for

    @property
    def facts(self) -> FormatFacts:
        """The row of this format."""
        return FORMATS[self.name]

    def check_installed(self, args: Any) -> None:
        """Check that what writes such files is here; a writer of a user's own does without.

        Args:
            args: merged configuration.

        Raises:
            ImportError: it is not installed; names the extra that brings it.
            ExportArgumentError: a device that cannot write them.
        """
        for package, extra in self.tools:
            require(package, extra, f"{self.facts.title} export")

    def check(self, args: Any, plan: ExportPlan) -> ExportPlan:
        """Return the plan with what this format decides, or raise for arguments that it cannot serve.

        Args:
            args: merged configuration.
            plan: what holds for every format.

        Raises:
            ExportArgumentError: an argument that the format does not take.
            NotImplementedError: one that it should take and this package cannot do yet.
        """
        validate_args(self.name, args, self.facts.args)
        if getattr(args, "dnn", False) and self.name != "onnx":
            raise ExportArgumentError(f"'dnn=True' is for OpenCV, which reads format='onnx', not '{self.name}'.")
        if plan.precision in self.facts.unbuilt:
            others = ", ".join(f"quantize={one}" for one in self.facts.precisions if one != 32)
            raise NotImplementedError(
                f"quantize={plan.precision} is not built for {self.facts.title}; use {others} or leave it out."
            )
        return replace(plan, dynamic_form=self.dynamic_form(plan))

    def needs_processor(self, plan: ExportPlan) -> None:
        """Check that the network is recorded on a processor, for converters that take nothing else.

        Raises:
            ExportArgumentError: it is on another device.
        """
        if plan.device.type != "cpu":
            raise ExportArgumentError(
                f"'device={plan.device}' is none that format='{self.name}' can be recorded on; leave it out."
            )

    def dynamic_form(self, plan: ExportPlan) -> str:
        """Return how dynamic convolutions compute in files of this format; empty for what suits most runtimes.

        That is `single`, a kernel that is mixed in the graph, for one image, `grouped` for a fixed number of them, and
        `patches`, with constant kernels, where the number is free. A format whose runtime wants another one says so.
        """
        return ""

    def limits(self, plan: ExportPlan) -> Limits | None:
        """Return how far a file may be from torch; None where calibration pictures tell that better (`quality`)."""
        if plan.pictures is not None:
            return None
        if plan.half and plan.device.type != "cpu":  # computed in 16 bits, not only stored
            return Limits(4.0, 0.02)
        return LIMITS.get(plan.precision, FEW_BITS)

    @abstractmethod
    def export(self, model: nn.Module, plan: ExportPlan, path: Path) -> Path:
        """Write a prepared model and return the path; the file appears whole or not at all."""

    def peek(self, path: Path) -> Mapping[str, Any]:
        """Return the checked metadata of a file without preparing it to run; empty where that cannot be read.

        Raises:
            MetadataError: a value that cannot be right.
        """
        return {}

    @abstractmethod
    def load(self, path: Path, device: torch.device, half: bool = False, trust: bool = False) -> Runtime:
        """Open a file of this format.

        Args:
            path: the file.
            device: where to run.
            half: ask for half precision, where the file leaves a choice.
            trust: open it without the checks that keep a stranger's file from doing more than predict.
        """


class OwnFormat(ExportFormat):
    """A format of the table that this package does not write and somebody's subclass of the exporter does.

    Args:
        facts: its row.
    """

    def __init__(self, facts: FormatFacts) -> None:
        self.name = facts.name

    def export(self, model: nn.Module, plan: ExportPlan, path: Path) -> Path:
        """Refuse: the subclass writes."""
        raise NotImplementedError(refusal(self.facts))

    def load(self, path: Path, device: torch.device, half: bool = False) -> Runtime:
        """Refuse: only formats that are built can be run."""
        raise NotImplementedError(refusal(self.facts))


def format_class(facts: FormatFacts) -> ExportFormat:
    """Return the format's object, importing its module now.

    Raises:
        NotImplementedError: if the format is not built.
    """
    if facts.home is None:
        raise NotImplementedError(f"{facts.title} files cannot be run yet; export the model to ONNX and run that.")
    module, _, name = facts.home.partition(":")
    return getattr(importlib.import_module(module), name)()


def validate_args(format: str, passed_args: Any, valid_args: Sequence[str]) -> None:
    """Raise for export arguments that a format does not take.

    Args:
        format: name of the format.
        passed_args: namespace with the arguments; those it lacks count as not given.
        valid_args: what the format takes.

    Raises:
        ExportArgumentError: names the argument, the format and the arguments that it takes.
    """
    takes = f"it takes {', '.join(valid_args) or 'none'}"
    for name, neutral in NEUTRAL.items():
        value = getattr(passed_args, name, neutral)
        if name not in valid_args and value not in (neutral, None, False):
            raise ExportArgumentError(f"'{name}={value}' is not an argument of format='{format}'; {takes}.")
    wanted = getattr(passed_args, "quantize", None)
    facts = FORMATS.get(format)
    possible = (*facts.precisions, *facts.unbuilt) if facts else (32,)
    if wanted is not None and wanted not in possible:
        raise ExportArgumentError(
            f"'quantize={wanted}' is not a precision of format='{format}'; it stores {', '.join(map(str, possible))}."
        )


def as_list(y: Any) -> list[torch.Tensor]:
    """Return a graph's outputs as a flat list of tensors."""
    if isinstance(y, torch.Tensor):
        return [y]
    values = y.values() if isinstance(y, Mapping) else y
    return [tensor for part in values for tensor in as_list(part)] if values is not None else []


def each_tensor(y: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """Return outputs with every tensor changed, nested as they were."""
    if isinstance(y, torch.Tensor):
        return change(y)
    if isinstance(y, Mapping):
        return {key: each_tensor(value, change) for key, value in y.items()}
    return type(y)(each_tensor(value, change) for value in y) if isinstance(y, (tuple, list)) else y


__getattr__, __dir__ = offer(__name__, {"BaseBackend": "ultralytics.nn.backends.single:BaseBackend"})
