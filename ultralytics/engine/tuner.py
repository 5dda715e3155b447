"""Hyper-parameter search. Not built: its names are here and refuse when used."""

from ultralytics.utils.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__)
