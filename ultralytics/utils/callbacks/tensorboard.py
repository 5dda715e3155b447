"""TensorBoard: losses, learning rates and metrics as curves, the network as a graph, in the run's folder."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import torch

from ultralytics.utils.callbacks.base import active_callbacks
from ultralytics.utils.callbacks.integration import Integration, functions_of, numbers, train_scalars
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER, colorstr

__all__ = ["TensorBoard"]

PREFIX = colorstr("TensorBoard: ")
WRITER = None  # every run has its own


class TensorBoard(Integration):
    """Write event files for `tensorboard --logdir <run folder>`."""

    name = "TensorBoard"
    writer: Any = None

    def on_pretrain_routine_start(self, trainer: Any) -> None:
        """Open the event file."""
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(trainer.save_dir))
        LOGGER.info(f"{PREFIX}view the run with 'tensorboard --logdir {trainer.save_dir}'")

    def on_train_start(self, trainer: Any) -> None:
        """Draw the network; models that cannot be traced are left out."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # sizes become constants in a trace: no matter for a picture
                self.writer.add_graph(_traced(trainer.model, trainer.args.imgsz), [])
        except Exception as error:
            LOGGER.warning(f"TensorBoard: no graph, the model cannot be traced ({type(error).__name__}).")

    def on_train_epoch_end(self, trainer: Any) -> None:
        """Add the epoch's losses and learning rates."""
        self._add(train_scalars(trainer), trainer.epoch + 1)

    def on_fit_epoch_end(self, trainer: Any) -> None:
        """Add the epoch's metrics."""
        self._add(numbers(trainer.metrics), trainer.epoch + 1)

    def teardown(self, trainer: Any) -> None:
        """Close the event file."""
        if self.writer is not None:
            self.writer.close()
            self.writer = None

    def _add(self, scalars: dict[str, float], step: int) -> None:
        for tag, value in scalars.items():
            self.writer.add_scalar(tag, value, step)


class _Drawn(torch.nn.Module):
    """A network whose output is a plain tuple of tensors, which is what a trace may give."""

    def __init__(self, net: torch.nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(_tensors(self.net(x)))


def _tensors(output: Any) -> Iterator[torch.Tensor]:
    """Yield the tensors inside of tuples, lists and dictionaries."""
    if isinstance(output, torch.Tensor):
        yield output
    elif isinstance(output, (tuple, list, Mapping)):
        for part in output.values() if isinstance(output, Mapping) else output:
            yield from _tensors(part)


def _traced(model: torch.nn.Module, imgsz: Any) -> Any:
    """Return a traced copy in evaluation mode; the model in training is left alone."""
    net = copy.deepcopy(getattr(model, "module", model)).eval()
    first = next(net.parameters())
    size = max(imgsz) if isinstance(imgsz, (list, tuple)) else int(imgsz)
    channels = getattr(net, "yaml", {}).get("channels", 3)
    picture = torch.zeros((1, channels, size, size), device=first.device, dtype=first.dtype)
    with torch.no_grad():
        # Anchors are made once and kept, so a second pass would record another graph: no check against one.
        return torch.jit.trace(_Drawn(net), picture, strict=False, check_trace=False)


on_pretrain_routine_start, on_train_start, on_train_epoch_end, on_fit_epoch_end, teardown = functions_of(TensorBoard)
active = partial(active_callbacks, __name__)

__getattr__, __dir__ = offer(__name__, {"callbacks": f"{__name__}:active()"})
