"""Public path of matching and denoising queries."""

from __future__ import annotations

from ultralytics.nn.head.denoising import get_cdn_group
from ultralytics.nn.loss.detr import HungarianMatcher
from ultralytics.utils.lazy import offer

__all__ = ["HungarianMatcher", "get_cdn_group"]

__getattr__, __dir__ = offer(__name__)
