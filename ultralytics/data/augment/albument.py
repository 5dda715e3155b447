"""`Albumentations`: transforms of the optional package of that name, fitted to samples."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from ultralytics.data.augment.base import SampleTransform
from ultralytics.data.augment.rng import GlobalRng, Rng
from ultralytics.data.images.canvas import Picture, painted
from ultralytics.data.labels.outlines import Outlines
from ultralytics.data.sample import MAP_FILLS, Sample
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


def _limits(composition: Any) -> dict[str, Any]:
    """The conditions under which a composition of the user's own keeps boxes."""
    params = getattr(getattr(composition, "processors", {}).get("bboxes"), "params", None)
    names = (
        "min_area",
        "min_visibility",
        "min_width",
        "min_height",
        "max_accept_ratio",
        "check_each_transform",
        "clip",
    )
    return {name: getattr(params, name) for name in names if hasattr(params, name)}


def _points(shapes: np.ndarray | Outlines) -> np.ndarray:
    """Points `(Q, 2)` of polygons, of outlines whose cuts are carried out, or of keypoints."""
    return shapes.xy.T if isinstance(shapes, Outlines) else shapes[..., :2].reshape(-1, 2)


def _swapped(name: str, values: np.ndarray) -> np.ndarray:
    """A map with 0 and the value that says nothing in each other's place, as the package fills with 0."""
    fill = int(MAP_FILLS[name])
    return values ^ values.dtype.type(fill) if fill else values


class Albumentations(SampleTransform):
    """Apply transforms of albumentations, moving the objects along; does nothing where the package is missing.

    Without `transforms`, each of blur, median blur, grey and local histogram equalization has a chance of one percent.
    These draws are ours: a sample that none of them hits costs nothing, and the package is imported at the first hit.

    A composition of your own may be put into `transform`, also by a constructor that replaces this one; it is applied
    with boxes, polygons and keypoints, whatever box format and labels it was made for.

    Args:
        p: Probability that any transform is considered.
        transforms: Transforms to use instead, applied in turn with their own probabilities.
        flip_idx: Keypoint that takes each keypoint's place in a mirrored picture.
    """

    # For constructors that users put in place of ours.
    p: float = 1.0
    transform: Any = None
    flip_idx: Sequence[int] | None = None
    defaults: Sequence[tuple[float, str]] = ()
    _composed: Any = None  # what was made of `transform`, beside it

    def __init__(
        self, p: float = 1.0, transforms: Sequence[Any] | None = None, flip_idx: list[int] | None = None
    ) -> None:
        self.p, self.flip_idx = p, flip_idx
        if find_spec("albumentations") is None:
            if transforms:
                raise ImportError("`augmentations` needs the package albumentations: pip install 'ultralytics[extra]'.")
        elif transforms is None:
            self.defaults = DEFAULTS
        else:
            self.transform = _package().Compose(list(transforms))

    @property
    def contains_spatial(self) -> bool:
        """Whether objects may have to be moved along."""
        leaves = () if self.transform is None else _leaves(self.transform)
        return not all(isinstance(leaf, _package().ImageOnlyTransform) for leaf in leaves)

    @contains_spatial.setter
    def contains_spatial(self, value: bool) -> None:
        """Accept what constructors for the public class set; the transforms themselves tell."""

    def _composition(self) -> Any:
        """The transforms of `transform`, taking boxes, row numbers and points in the formats used here."""
        given = self.transform
        if self._composed is None or self._composed[0] is not given:
            A, extra = _package(), {}
            if self.contains_spatial:
                extra["bbox_params"] = A.BboxParams(format="albumentations", label_fields=["rows"], **_limits(given))
                extra["keypoint_params"] = A.KeypointParams(format="xy", remove_invisible=False)
                extra["additional_targets"] = dict.fromkeys(MAP_FILLS, "mask")
            steps, chance = (list(given.transforms), given.p) if type(given) is A.Compose else ([given], 1.0)
            self._composed = given, A.Compose(steps, p=chance, **extra), bool(extra)
        return self._composed[1:]

    def _default(self, name: str) -> Any:
        """A default transform, made at its first use."""
        made = self.__dict__.setdefault("_made", {})
        if name not in made:
            made[name] = getattr(_package(), name)(p=1.0)
        return made[name]

    def draw(self, rng: Rng, sample: Sample) -> Mapping[str, Any] | None:
        """Draw and apply: the package does both at once, so the parameters are the results."""
        if not self.defaults and self.transform is None:
            return None
        if self.p < 1 and rng.random() > self.p:
            return None
        hits = [self._default(name) for chance, name in self.defaults if rng.random() < chance]
        composition, spatial = (None, False) if self.transform is None else self._composition()
        applied = hits if composition is None else [composition]
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
        if spatial:
            moved = self._spatial(composition, sample.with_image(picture))
            return {"image": moved.pixels(), "sample": moved}
        for transform in applied:
            picture = transform(image=picture)["image"]
        return {"image": picture, "sample": None}

    def _spatial(self, composition: Any, sample: Sample) -> Sample:
        """Run the composition on picture, boxes and points."""
        if isinstance(sample.segments, Outlines):
            sample = sample.with_objects(sample.boxes, sample.cls, sample.segments.settled(), sample.keypoints)
        picture = sample.pixels()
        h, w = picture.shape[:2]
        maps = sample.maps or {}
        # Three corners tell whether the picture got mirrored, which swaps left and right keypoints.
        markers = np.array([[0, 0], [w - 1, 0], [0, h - 1]], np.float32)
        parts = [markers]
        parts += [_points(part) for part in (sample.segments, sample.keypoints) if part is not None]
        result = composition(
            image=picture,
            bboxes=np.clip(sample.boxes / np.array([w, h, w, h], np.float32), 0, 1),
            rows=np.arange(len(sample)),
            keypoints=np.concatenate(parts),
            **{name: _swapped(name, painted(one)[..., 0]) for name, one in maps.items()},
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
            size = len(_points(segments))
            moved_points, used = points[used : used + size], used + size
            if isinstance(segments, Outlines):  # the package's boxes are those of moved boxes
                segments = Outlines(np.ascontiguousarray(moved_points.T), segments.ends)[rows].cut((0, 0), (w, h))
                boxes = segments.bounds()
            else:
                segments = np.clip(moved_points.reshape(segments.shape), 0, [w, h]).astype(np.float32)[rows]
        if keypoints is not None:
            keypoints = self._keypoints(keypoints, points[used:], (h, w), mirrored)[rows]
        moved = sample.with_image(picture).with_meta(resized_shape=(h, w))
        maps = {name: _swapped(name, result[name])[..., None] for name in maps}
        moved = moved.with_objects(boxes, sample.cls[rows], segments, keypoints).with_maps(maps)
        return moved.take((boxes[:, 2:] > boxes[:, :2]).all(1))

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

    def move_map(self, name: str, sample: Sample, params: Mapping[str, Any]) -> Picture:
        """Return a map as the package has moved it."""
        moved = params["sample"]
        return (sample if moved is None else moved).maps[name]

    def move_objects(self, sample: Sample, params: Mapping[str, Any]) -> Sample:
        """Return the moved objects."""
        moved = params["sample"]
        if moved is None:
            return sample
        return sample.with_objects(moved.boxes, moved.cls, moved.segments, moved.keypoints)
