"""Public model classes that are not built yet: naming one says what to use instead."""

from __future__ import annotations

from typing import Any

__all__ = ["LLM", "NAS", "SAM", "FastSAM"]


class _Unbuilt:
    """Base of the placeholders: constructing one raises."""

    instead = "YOLO('yolov8n.yaml')"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(
            f"{type(self).__name__} is not built yet (docs/compatibility.md). Use {self.instead} instead."
        )


class SAM(_Unbuilt):
    """Segment anything."""

    instead = "the 'segment-anything' package of its authors"


class FastSAM(_Unbuilt):
    """Fast segment anything."""

    instead = "the 'fastsam' package of its authors"


class NAS(_Unbuilt):
    """YOLO-NAS."""

    instead = "the 'super-gradients' package"


class LLM(_Unbuilt):
    """Client of a language-model service."""

    instead = "the 'openai' package"
