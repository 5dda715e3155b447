"""Public path of the functions that write one export format each; the formats live in `ultralytics.nn.backends`."""

from ultralytics.utils.lazy import attach
from ultralytics.utils.unbuilt import offer_modules

__getattr__, __dir__, __all__ = attach(__name__)
offer_modules(__name__)
