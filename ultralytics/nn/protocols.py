"""What a block may offer to the tools that walk over models: folding, cost, optimizer hints and export.

A tool asks `isinstance(module, Foldable)` instead of knowing class names, so a user's own block takes part by having
the method. Every protocol is one method (or one property) and optional. Nothing here knows a concrete block.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from torch import nn

__all__ = ["BringsCriterion", "CountsMacs", "ExportTarget", "Foldable", "ForExport", "Fusable", "HintsParams"]

Shape = Sequence[int]


@dataclass(frozen=True)
class ExportTarget:
    """What a block has to know about the runtime that it is prepared for; never the runtime's name.

    Attributes:
        batch: images per call; the largest one when `dynamic` is set.
        dynamic: the batch size (and perhaps the image size) may change from call to call.
        dynamic_kernels: the runtime accepts a convolution kernel that is computed in the graph.
        imgsz: input height and width in pixels.
        dynamic_form: the form of a dynamic convolution that was found best there: single, grouped or patches; empty
            where it follows from the above.
    """

    batch: int = 1
    dynamic: bool = False
    dynamic_kernels: bool = True
    imgsz: tuple[int, int] = (640, 640)
    dynamic_form: str = ""


@runtime_checkable
class Foldable(Protocol):
    """A convolution that can absorb the BatchNorm which directly follows it."""

    def fold_bn(self, bn: nn.BatchNorm2d) -> None:
        """Change the own weights so that `self(x)` gives what `bn(self(x))` gave, `bn` in evaluation mode."""


@runtime_checkable
class Fusable(Protocol):
    """A block that knows how to fold itself as a whole (merging branches, dropping training-only parts)."""

    def fuse(self) -> object:
        """Fold in place; the return value is ignored."""


@runtime_checkable
class CountsMacs(Protocol):
    """A module whose cost does not follow from its class, because it computes in function calls."""

    def count_macs(self, x_shape: Shape, y_shape: Shape) -> int:
        """Return multiply-adds of one forward pass, all images of the batch and all children included."""


@runtime_checkable
class HintsParams(Protocol):
    """A module that names roles for its own parameters, for optimizer groups."""

    def param_hint(self, name: str) -> str | None:
        """Return the role of the parameter `name` (relative to the module), or None for an ordinary one."""


@runtime_checkable
class ForExport(Protocol):
    """A module that computes in another, equal way when it is exported."""

    def for_export(self, target: ExportTarget) -> None:
        """Switch to the form that suits `target`, in place; called on a copy of the user's model."""


@runtime_checkable
class BringsCriterion(Protocol):
    """A head that is trained by a loss of its own."""

    def criterion_for(self, model: nn.Module) -> Callable[[Any, Mapping[str, Any]], tuple[Any, Any]]:
        """Return a function of (raw output, batch) that gives the loss times the batch size, and its terms by name."""
