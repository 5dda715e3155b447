"""Trackers, which link the boxes of successive frames."""

from ultralytics.utils.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__)
