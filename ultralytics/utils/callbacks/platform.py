"""Public path of the reports to a cloud service. There is none, so no event is listened to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ultralytics.utils.lazy import offer

callbacks: dict[str, Callable[[Any], None]] = {}
PREFIX = ""

__getattr__, __dir__ = offer(__name__)
