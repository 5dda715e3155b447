"""Inference backends and export formats: `table` has the facts, one module per built format has export and load.

Importing this package imports neither torch nor a runtime.
"""

from ultralytics.nn.backends.table import FORMATS, FormatFacts, export_formats, find_format, format_of
from ultralytics.utils.lazy import offer
from ultralytics.utils.unbuilt import offer_modules

__all__ = ["FORMATS", "FormatFacts", "export_formats", "find_format", "format_of"]

__getattr__, __dir__ = offer(__name__)
offer_modules(__name__)
