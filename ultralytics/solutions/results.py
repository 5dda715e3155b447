"""`SolutionResults`: what a video application says about one frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ultralytics.nn.public import public

__all__ = ["SolutionResults"]


# What a field starts as, by name.
_FIELDS: dict[type, str] = {
    int: "in_count out_count queue_count available_slots filled_slots total_tracks total_crop_objects",
    float: "pixels_distance",
    bool: "email_sent",
    list: "workout_count workout_angle workout_stage",
    dict: "classwise_count region_counts speed_dict speed",
}


@public("ultralytics.solutions.solutions")
class SolutionResults:
    """What an application found in a frame. Each application fills the fields that it is about.

    Args:
        **kwargs: fields by name; an application of one's own may bring others.

    Attributes:
        plot_im: (H, W, 3) BGR, the frame with what was drawn.
        in_count, out_count: objects that crossed so far.
        classwise_count: class name to `{"IN": n, "OUT": n}`.
        queue_count: objects in the queue.
        workout_count, workout_angle, workout_stage: repetitions, angle in degrees and `up`, `down` or `-` per person.
        pixels_distance: between two objects.
        available_slots, filled_slots: of a parking lot.
        email_sent: whether a mail has been sent.
        total_tracks: tracks in the frame.
        region_counts: zone name to objects inside.
        speed_dict: track to km/h.
        total_crop_objects: crops written so far.
        speed: milliseconds for tracking (or predicting) and for the application.
    """

    def __init__(self, **kwargs: Any) -> None:
        self.plot_im: np.ndarray | None = None
        for kind, names in _FIELDS.items():
            for name in names.split():
                setattr(self, name, kind())
        self.__dict__.update(kwargs)

    def __str__(self) -> str:
        """Return the fields that say something, the picture aside."""
        return ", ".join(f"{name}={value}" for name, value in self._told().items())

    def __repr__(self) -> str:
        return f"SolutionResults({self})"

    def _told(self) -> Mapping[str, Any]:
        return {name: value for name, value in vars(self).items() if not isinstance(value, np.ndarray) and value}
