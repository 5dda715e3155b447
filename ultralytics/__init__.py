"""YOLO models: train, validate, predict, export, track; with dynamic convolution as a first-class block.

Importing this package imports none of its parts: every public name is loaded when it is first used.
"""

from typing import TYPE_CHECKING

from ultralytics.utils.lazy import attach
from ultralytics.utils.version import __version__

if TYPE_CHECKING:
    from ultralytics.models import LLM, NAS, RTDETR, SAM, YOLO, YOLOE, FastSAM, YOLOWorld  # noqa: F401
    from ultralytics.utils.checks.system import check_yolo as checks  # noqa: F401
    from ultralytics.utils.downloads import download  # noqa: F401
    from ultralytics.utils.env import ASSETS  # noqa: F401
    from ultralytics.utils.settings import SETTINGS as settings  # noqa: F401

_MODELS = ("YOLO", "YOLOWorld", "YOLOE", "NAS", "SAM", "FastSAM", "RTDETR", "LLM")
_PARTS = ("cfg", "data", "engine", "models", "nn", "ops", "optim", "solutions", "trackers", "utils")

__getattr__, __dir__, _public = attach(
    __name__,
    {
        "ASSETS": "ultralytics.utils.env:ASSETS",
        **{name: f"ultralytics.models:{name}" for name in _MODELS},
        "checks": "ultralytics.utils.checks.system:check_yolo",
        "download": "ultralytics.utils.downloads:download",
        "settings": "ultralytics.utils.settings:loaded_settings()",
        **{name: f"ultralytics.{name}" for name in _PARTS},
    },
)

__all__ = ["__version__", *_public]
