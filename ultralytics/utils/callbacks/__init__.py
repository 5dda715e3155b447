"""Events of a run and what listens to them."""

from ultralytics.utils.callbacks.base import add_integration_callbacks, get_default_callbacks
from ultralytics.utils.callbacks.events import EVENTS
from ultralytics.utils.lazy import attach

__getattr__, __dir__, _ = attach(
    __name__, {"default_callbacks": "ultralytics.utils.callbacks.base:get_default_callbacks()"}
)

__all__ = ["EVENTS", "add_integration_callbacks", "default_callbacks", "get_default_callbacks"]
