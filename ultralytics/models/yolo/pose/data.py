"""What a data set's YAML says about keypoints, checked before anything is read or built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["check_pose_data"]


def check_pose_data(data: Mapping[str, Any]) -> None:
    """Check `kpt_shape`, `flip_idx` and `kpt_oks_sigmas` of a data set.

    Args:
        data: what `check_det_dataset` returned; `yaml_file` names it in messages.

    Raises:
        ValueError: naming the file and the key.
    """
    file, shape = data.get("yaml_file", "data"), data.get("kpt_shape")
    if shape is None:
        raise ValueError(
            f"{file}: 'kpt_shape' is missing; pose data sets need [keypoints, 2 or 3], such as kpt_shape: [17, 3]."
        )
    if not _whole_numbers(shape) or len(shape) != 2 or shape[0] < 1 or shape[1] not in {2, 3}:
        raise ValueError(
            f"{file}: kpt_shape={shape} is no [keypoints, 2 or 3], such as [17, 3]: 2 for x and y, 3 with visibility."
        )
    order, sigmas = data.get("flip_idx"), data.get("kpt_oks_sigmas")
    if order and (not _whole_numbers(order) or sorted(order) != list(range(shape[0]))):
        # Repeated or foreign positions would silently train on wrong points in every mirrored picture.
        raise ValueError(
            f"{file}: flip_idx={order} does not name each of the {shape[0]} keypoints of kpt_shape={list(shape)} once, "
            f"0 to {shape[0] - 1}; it says which keypoint every keypoint becomes in a mirrored picture."
        )
    if sigmas is not None and (not isinstance(sigmas, Sequence) or len(sigmas) != shape[0]):
        raise ValueError(f"{file}: kpt_oks_sigmas={sigmas} needs {shape[0]} values, one per keypoint of kpt_shape.")


def _whole_numbers(value: Any) -> bool:
    return isinstance(value, Sequence) and all(type(item) is int for item in value)
