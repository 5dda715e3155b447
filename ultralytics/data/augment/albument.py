"""`Albumentations`: transforms of the optional package of that name, fitted to samples."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from ultralytics.data.augment.base import SampleTransform
from ultralytics.data.augment.rng import GlobalRng, Rng
from ultralytics.data.sample import Sample
from ultralytics.utils.log import warn_once

__all__ = ["Albumentations"]


DEFAULTS = ((0.01, "Blur"), (0.01, "MedianBlur"), (0.01, "ToGray"), (0.01, "CLAHE"))
"""Probabilities and names of the pixel transforms used when none are given."""


def _package() -> Any:
    """The package albumentations, kept from asking the network for a newer version of itself."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    import albumentations

    return albumentations


def _leaves(transform: Any) -> Iterator[Any]:
    """The transforms inside nested compositions."""
    children = getattr(transform, "transforms", None)
    if children is None:
        yield transform
        return
    for child in children:
        yield from _leaves(child)


class Albumentations(SampleTransform):
    """Apply transforms of albumentations, moving the objects along; does nothing where the package is missing.

    Without `transforms`, each of blur, median blur, grey and local histogram equalization has a chance of one percent.
    These draws are ours: a sample that none of them hits costs nothing, and the package is imported at the first hit.

    Args:
        p: Probability that any transform is considered.
        transforms: Transforms to use instead, applied in turn with their own probabilities.
        flip_idx: Keypoint that takes each keypoint's place in a mirrored picture.
    """

    def __init__(
        self, p: float = 1.0, transforms: Sequence[Any] | None = None, flip_idx: list[int] | None = None
    ) -> None:
        self.p, self.flip_idx = p, flip_idx
        self.transform: Any = None
        self.defaults: Sequence[tuple[float, str]] = ()
        self.contains_spatial = False
        self._made: dict[str, Any] = {}
        if find_spec("albumentations") is None:
            if transforms:
                raise ImportError("`augmentations` needs the package albumentations: pip install 'ultralytics[extra]'.")
        elif transforms is None:
            self.defaults = DEFAULTS
        else:
            self._compose(list(transforms))

    def _compose(self, transforms: list[Any]) -> None:
        A = _package()
        leaves = [leaf for transform in transforms for leaf in _leaves(transform)]
        self.contains_spatial = not all(isinstance(leaf, A.ImageOnlyTransform) for leaf in leaves)
        extra: dict[str, Any] = {}
        if self.contains_spatial:
            extra["bbox_params"] = A.BboxParams(format="albumentations", label_fields=["rows"])
            extra["keypoint_params"] = A.KeypointParams(format="xy", remove_invisible=False)
        self.transform = A.Compose(transforms, **extra)

    def _default(self, name: str) -> Any:
        """A default transform, made at its first use."""
        if name not in self._made:
            self._made[name] = getattr(_package(), name)(p=1.0)
        return self._made[name]

    def draw(self, rng: Rng, sample: Sample) -> Mapping[str, Any] | None:
        """Draw and apply: the package does both at once, so the parameters are the results."""
        if not self.defaults and self.transform is None:
            return None
        if self.p < 1 and rng.random() > self.p:
            return None
        hits = [self._default(name) for chance, name in self.defaults if rng.random() < chance]
        applied = hits if self.transform is None else [self.transform]
        picture = sample.pixels() if applied else None
        if picture is None:
            return None
        if picture.shape[2] != 3:
            if self.transform is not None:
                warn_once(f"'augmentations' are left out: they take 3 channels, the pictures have {picture.shape[2]}.")
            return None
        for transform in applied:
            if not isinstance(rng, GlobalRng) and hasattr(transform, "set_random_seed"):
                transform.set_random_seed(rng.integers(1 << 31))
        if self.contains_spatial:
            moved = self._spatial(sample.with_image(picture))
            return {"image": moved.pixels(), "sample": moved}
        for transform in applied:
            picture = transform(image=picture)["image"]
        return {"image": picture, "sample": None}

    def _spatial(self, sample: Sample) -> Sample:
        """Run the composition on picture, boxes and points."""
        picture = sample.pixels()
        h, w = picture.shape[:2]
        # Three corners tell whether the picture got mirrored, which swaps left and right keypoints.
        markers = np.array([[0, 0], [w - 1, 0], [0, h - 1]], np.float32)
        parts = [markers]
        parts += [part[..., :2].reshape(-1, 2) for part in (sample.segments, sample.keypoints) if part is not None]
        result = self.transform(
            image=picture,
            bboxes=np.clip(sample.boxes / np.array([w, h, w, h], np.float32), 0, 1),
            rows=np.arange(len(sample)),
            keypoints=np.concatenate(parts),
        )
        picture = result["image"]
        h, w = picture.shape[:2]
        points = np.asarray(result["keypoints"], np.float32).reshape(-1, 2)
        origin, right, below = points[:3]
        mirrored = float(np.linalg.det(np.stack([right - origin, below - origin]))) < 0
        rows = np.asarray(result["rows"], np.int64).reshape(-1)
        boxes = np.asarray(result["bboxes"], np.float32).reshape(-1, 4) * np.array([w, h, w, h], np.float32)
        segments, keypoints, used = sample.segments, sample.keypoints, 3
        if segments is not None:
            size = segments.shape[0] * segments.shape[1]
            segments = np.clip(points[used : used + size].reshape(segments.shape), 0, [w, h]).astype(np.float32)[rows]
            used += size
        if keypoints is not None:
            keypoints = self._keypoints(keypoints, points[used:], (h, w), mirrored)[rows]
        moved = sample.with_image(picture).with_meta(resized_shape=(h, w))
        return moved.with_objects(boxes, sample.cls[rows], segments, keypoints)

    def _keypoints(
        self, keypoints: np.ndarray, points: np.ndarray, size_hw: tuple[int, int], mirrored: bool
    ) -> np.ndarray:
        """Keypoints `(N, K, 2 or 3)` at their new places."""
        moved = keypoints.copy()
        moved[..., :2] = xy = points.reshape(*keypoints.shape[:2], 2)
        if keypoints.shape[-1] == 3:
            moved[..., 2][((xy < 0) | (xy > np.array(size_hw[::-1]))).any(axis=-1)] = 0
        return moved[:, list(self.flip_idx)] if mirrored and self.flip_idx else moved

    def move_image(self, sample: Sample, params: Mapping[str, Any]) -> Sample:
        """Return the changed picture."""
        return sample.with_image(params["image"]).with_meta(resized_shape=params["image"].shape[:2])

    def move_objects(self, sample: Sample, params: Mapping[str, Any]) -> Sample:
        """Return the moved objects."""
        moved = params["sample"]
        if moved is None:
            return sample
        return sample.with_objects(moved.boxes, moved.cls, moved.segments, moved.keypoints)
