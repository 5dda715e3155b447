"""From a model YAML to layers: the vocabulary of blocks, how rows become calls, and the checks on the way."""

from ultralytics.nn.builder import vocabulary

__all__ = ["vocabulary"]
