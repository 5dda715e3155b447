"""Backbones of torchvision as one layer of a model YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
from torch import nn

from ultralytics.nn.public import public
from ultralytics.utils.net.fetch import refuse_offline, url2file

__all__ = ["TorchVision"]


@public("ultralytics.nn.modules.block")
class TorchVision(nn.Module):
    """A model of torchvision without its last layers.

    Args:
        model: its name, such as `resnet18`.
        weights: its weights by torchvision's name, fetched on first use; None or "None" for none.
        unwrap: run its children one after the other, those of a leading Sequential included, and leave some out;
            False keeps the model whole, but for a child `head` or `heads`.
        truncate: how many children to leave out at the end.
        split: return the output of every child, preceded by the input, as a list.

    Raises:
        ValueError: torchvision has no such model or weights.
        ConnectionError: the weights could not be fetched.
    """

    def __init__(
        self,
        model: str,
        weights: str | None = "DEFAULT",
        unwrap: bool = True,
        truncate: int = 2,
        split: bool = False,
    ):
        super().__init__()
        whole = _fetch(model, None if weights in {None, "None"} else weights)
        self.split = False
        if not unwrap:
            for name in {"head", "heads"} & set(whole._modules):
                setattr(whole, name, nn.Identity())
            self.m = whole
            return
        layers = list(whole.children())
        if isinstance(layers[0], nn.Sequential):
            layers = [*layers[0].children(), *layers[1:]]
        self.m = nn.Sequential(*layers[: len(layers) - truncate])
        self.split = split

    def forward(self, x: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        """Return the output of the last layer, or the list of all outputs."""
        if not self.split:
            return self.m(x)
        outputs = [x]
        for layer in self.m:
            outputs.append(layer(outputs[-1]))
        return outputs


def _fetch(name: str, weights: str | None) -> nn.Module:
    """Return a model of torchvision, with weights where asked for and where the network has memory for them."""
    from torchvision import models  # loads a thousand modules, which other networks do without

    if torch.get_default_device().type == "meta":
        weights = None
    try:
        if weights is not None:
            _allow_fetching(models.get_model_weights(name), weights)
        return models.get_model(name, weights=weights)
    except (URLError, OSError) as error:
        raise ConnectionError(
            f"the weights of torchvision's '{name}' could not be fetched ({error}); put the file into torch's hub "
            "folder, or write None in place of their name to start from random weights."
        ) from error
    except (ValueError, KeyError) as error:
        raise ValueError(f"torchvision has no model '{name}' with weights '{weights}': {error}") from error


def _allow_fetching(known: type, weights: Any) -> None:
    """Raise where `YOLO_OFFLINE` is set and the weights are not in torch's folder yet."""
    url = known[str(weights).rpartition(".")[2]].url
    if not (Path(torch.hub.get_dir()) / "checkpoints" / url2file(url)).is_file():
        refuse_offline(url)
