"""`AIGym`: repetitions of an exercise, by the angle of a joint."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ultralytics.cfg.errors import ConfigValueError
from ultralytics.solutions.geometry import joint_angle
from ultralytics.solutions.old_calls import old_arguments, old_call
from ultralytics.solutions.solutions import BaseSolution, SolutionResults
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER

__all__ = ["AIGym", "Exercise"]

LEAST_CONF = 0.25  # of a keypoint; those below are guesses of what is hidden


@dataclass
class Exercise:
    """What one person has done.

    Attributes:
        angle: of the joint, in degrees.
        count: repetitions.
        stage: "up", "down", or "-" before either.
    """

    angle: float = 0.0
    count: int = 0
    stage: str = "-"

    def move(self, angle: float, up_angle: float, down_angle: float) -> None:
        """Take the next angle: stretched is up, bent is down, and bent after stretched is a repetition."""
        self.angle = angle
        if angle < down_angle:
            self.count += self.stage == "up"
            self.stage = "down"
        elif angle > up_angle:
            self.stage = "up"


class AIGym(BaseSolution):
    """Counts the repetitions of every tracked person, with a pose model.

    Args:
        **kwargs: arguments of `SolutionConfig`, of which `kpts`, `up_angle` and `down_angle` are about this.

    Attributes:
        states: track to its `Exercise`.
    """

    default_model = "yolo26n-pose.pt"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.states: defaultdict[int, Exercise] = defaultdict(Exercise)
        self.up_angle, self.down_angle = self.CFG["up_angle"], self.CFG["down_angle"]
        self.kpts = self.CFG["kpts"]

    def forget_tracks(self, track_ids: Iterable[int]) -> None:
        """Drop persons who will not come back."""
        gone = list(track_ids)
        super().forget_tracks(gone)
        for track in gone:
            self.states.pop(track, None)

    def process(self, im0: np.ndarray) -> SolutionResults:
        """Follow the persons of a frame (H, W, 3) BGR, which is drawn on.

        Returns:
            `workout_count`, `workout_angle` and `workout_stage` of the persons known, in the order in which they came,
            and `total_tracks`.

        Raises:
            ConfigValueError: `kpts` names a keypoint that the model does not give.
        """
        self.extract_tracks(im0)
        annotator = self.draw_on(im0)
        keypoints = getattr(self.tracks, "keypoints", None)
        if self.track_ids and keypoints is None and self._once("keypoints"):
            LOGGER.warning(f"this model gives no keypoints, so nothing is counted; {self.default_model} does.")
        if self.track_ids and keypoints is not None:
            persons = np.asarray(keypoints.data.cpu() if hasattr(keypoints.data, "cpu") else keypoints.data)
            self._check(persons.shape[1])
            for track, person in zip(self.track_ids, persons, strict=True):
                self._watch(annotator, self.states[track], person)
        plot_im = annotator.result()
        self.display_output(plot_im)
        states = self.states.values()
        return SolutionResults(
            plot_im=plot_im,
            workout_count=[state.count for state in states],
            workout_stage=[state.stage for state in states],
            workout_angle=[state.angle for state in states],
            total_tracks=len(self.track_ids),
        )

    def _check(self, count: int) -> None:
        if max(self.kpts) >= count:
            raise ConfigValueError(f"kpts={self.kpts} is not valid: the model gives keypoints 0 to {count - 1}.")

    def _watch(self, annotator: Any, state: Exercise, person: np.ndarray) -> None:
        """Take and draw the joint of a person (K, 2 or 3), unless a part of it is not seen."""
        joint = person[self.kpts]
        seen = joint[:, 2] >= LEAST_CONF if joint.shape[1] > 2 else joint.any(1)
        if seen[:3].all():
            state.move(joint_angle(*joint[:3]), self.up_angle, self.down_angle)
            annotator.plot_angle_and_count_and_stage(state.angle, state.count, state.stage, joint[1][:2])
            annotator.draw_specific_kpts(person, self.kpts)  # over the text, which starts at the joint

    set_args = old_arguments(
        "kpts_to_check line_thickness view_img pose_up_angle pose_down_angle pose_type",
        kpts_to_check="kpts",
        pose_up_angle="up_angle",
        pose_down_angle="down_angle",
    )
    start_counting = old_call("start_counting")


__getattr__, __dir__ = offer(__name__)
