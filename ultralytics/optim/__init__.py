"""Optimizers that torch does not have."""

from __future__ import annotations

from ultralytics.optim.muon import MuSGD
from ultralytics.utils.lazy import offer

__all__ = ["MuSGD"]

__getattr__, __dir__ = offer(__name__)
