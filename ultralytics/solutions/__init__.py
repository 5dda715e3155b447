"""Ready-made programs on top of the public interface: the video applications, and the quickstart."""

from ultralytics.utils.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__)
