"""The pipeline of torchvision transforms that classification files hold."""

from __future__ import annotations

from typing import Any

from ultralytics.nn.weights.machine import Record
from ultralytics.nn.weights.making import DROPPED, Maker, Reads, arguments, wrong

__all__ = ["TRANSFORM_MAKERS"]

HOME = "torchvision.transforms.transforms"


def _compose(read: Reads, record: Record) -> Any:
    """Make a pipeline; one with steps that are not known is left out, as the predictor can make its own."""
    from torchvision.transforms import Compose

    arguments(record, 0)
    steps = record.state.get("transforms") if type(record.state) is dict else None
    if type(steps) not in {list, tuple}:
        raise wrong(record)
    made = [read.value(step) for step in steps]
    return DROPPED if any(step is DROPPED for step in made) else Compose(made)


def _to_tensor(read: Reads, record: Record) -> Any:
    from torchvision.transforms import ToTensor

    arguments(record, 0)
    return ToTensor()


def _pil_to_tensor(read: Reads, record: Record) -> Any:
    from torchvision.transforms import PILToTensor

    arguments(record, 0)
    return PILToTensor()


TRANSFORM_MAKERS: dict[str, Maker] = {
    f"{HOME}.Compose": _compose,
    f"{HOME}.ToTensor": _to_tensor,
    f"{HOME}.PILToTensor": _pil_to_tensor,
}
