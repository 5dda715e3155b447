"""Public path of activations."""

from ultralytics.nn.block.activation import AGLU

__all__ = ["AGLU"]
