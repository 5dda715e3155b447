"""Optimizers that torch does not have."""

from __future__ import annotations

from ultralytics.optim.muon import MuSGD

__all__ = ["MuSGD"]
