"""Events of a run and what listens to them."""

from ultralytics.utils.callbacks.base import add_integration_callbacks, get_default_callbacks
from ultralytics.utils.callbacks.events import EVENTS
from ultralytics.utils.lazy import offer
from ultralytics.utils.unbuilt import offer_modules

__getattr__, __dir__ = offer(__name__)
offer_modules(__name__)

__all__ = ["EVENTS", "add_integration_callbacks", "default_callbacks", "get_default_callbacks"]
