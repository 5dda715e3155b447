"""Trackers, which link the boxes of successive frames. Not built: names and modules are here and refuse when used."""

from ultralytics.utils.lazy import attach
from ultralytics.utils.unbuilt import offer_modules

__getattr__, __dir__, __all__ = attach(__name__)
offer_modules(__name__)
