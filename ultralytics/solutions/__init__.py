"""Ready-made programs on top of the public interface; the video applications are not built and refuse when used."""

from ultralytics.utils.lazy import attach
from ultralytics.utils.unbuilt import offer_modules

__getattr__, __dir__, __all__ = attach(__name__)
offer_modules(__name__)
