"""Places where the published package reports usage and shows advertisements. Nothing is sent, asked or shown here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ultralytics.utils.lazy import offer

__all__ = [
    "Events",
    "callbacks",
    "events",
    "on_export_start",
    "on_predict_end",
    "on_train_end",
    "on_val_start",
    "set_sentry",
    "vscode_msg",
]


callbacks: dict[str, Callable[[Any], None]] = {}


class Events:
    """Collector of usage events that takes them and keeps none."""

    url = ""
    enabled = False

    def __call__(self, cfg: Any = None, device: Any = None, run: Any = None, **kwargs: Any) -> None:
        """Take an event and drop it."""


events = Events()


def on_train_end(trainer: Any) -> None:
    """Report nothing."""


def on_val_start(validator: Any) -> None:
    """Report nothing."""


def on_predict_end(predictor: Any) -> None:
    """Report nothing."""


def on_export_start(exporter: Any) -> None:
    """Report nothing."""


def set_sentry() -> None:
    """Set no crash reporter up."""


def vscode_msg(ext: str = "") -> str:
    """Return no advertisement for an editor's extension."""
    return ""


__getattr__, __dir__ = offer(__name__)
