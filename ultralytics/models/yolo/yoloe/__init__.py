"""YOLOE. Not built: its names and modules are here and refuse when used."""

from ultralytics.utils.lazy import attach
from ultralytics.utils.unbuilt import offer_modules

__getattr__, __dir__, __all__ = attach(__name__)
offer_modules(__name__)
