"""What all transforms share: the public hooks, the chain, and the bridge between label dictionaries and samples.

Two kinds of transforms live side by side in a `Compose`. Built-in ones (`SampleTransform`) pass `Sample` objects on and
take their random numbers from the stream they are handed. Everything else (a user's class or function, or a built-in
one of which somebody has replaced a public method) gets and returns the public label dictionary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from ultralytics.data.augment.rng import GlobalRng, Rng
from ultralytics.data.images.canvas import Picture, painted
from ultralytics.data.sample import MAP_FILLS, Sample
from ultralytics.utils.overrides import bypassed, changed

__all__ = ["BaseTransform", "Compose", "SampleTransform"]

Labels = dict[str, Any]
HOOKS = ("get_params", "apply_image", "apply_instances", "apply_semantic", "apply_depth")


class BaseTransform:
    """A transform of label dictionaries, to be subclassed: override the hooks that concern it."""

    @bypassed
    def __call__(self, labels: Labels) -> Labels:
        """Draw parameters once, then let every `apply_*` hook use them."""
        params = self.get_params(labels)
        for hook in HOOKS[1:]:
            changed = getattr(self, hook)(labels, params)
            labels = labels if changed is None else changed
        return labels

    @bypassed
    def get_params(self, labels: Labels) -> Any:
        """Draw what the hooks need to agree on."""
        return {}

    @bypassed
    def apply_image(self, labels: Labels, params: Any = None) -> Labels:
        """Change `labels["img"]`."""
        return labels

    @bypassed
    def apply_instances(self, labels: Labels, params: Any = None) -> Labels:
        """Change `labels["instances"]` and `labels["cls"]`."""
        return labels

    @bypassed
    def apply_semantic(self, labels: Labels, params: Any = None) -> Labels:
        """Change `labels["semantic_mask"]`."""
        return labels

    @bypassed
    def apply_depth(self, labels: Labels, params: Any = None) -> Labels:
        """Change `labels["depth"]`."""
        return labels


class SampleTransform(BaseTransform):
    """A built-in transform: all randomness in `draw`, all work in `move_image`, `move_objects` and `move_map`.

    The three see the same parameters and do not depend on each other's result.

    Attributes:
        steps: public methods that `run` does not go through.
    """

    steps: ClassVar[tuple[str, ...]] = ("__call__", *HOOKS)
    box_format: ClassVar[str] = "xyxy"  # of the label dictionaries that it returns

    @property
    def native(self) -> bool:
        """Whether `run` may be used: nobody has replaced a step."""
        return not changed(self, *self.steps)

    def draw(self, rng: Rng, sample: Sample) -> Mapping[str, Any] | None:
        """Draw the parameters; None means that this sample stays as it is."""
        raise NotImplementedError(f"{type(self).__name__} must define draw().")

    def move_image(self, sample: Sample, params: Mapping[str, Any]) -> Sample:
        """Return the sample with its picture transformed and its objects untouched."""
        return sample

    def move_objects(self, sample: Sample, params: Mapping[str, Any]) -> Sample:
        """Return the sample with its objects transformed and its picture untouched."""
        return sample

    def move_map(self, name: str, sample: Sample, params: Mapping[str, Any]) -> Picture:
        """Return a map of the sample, see `MAP_FILLS`, moved like its picture; unchanged where no pixel moves."""
        return sample.maps[name]

    def run(self, sample: Sample, rng: Rng) -> Any:
        """Transform one sample with random numbers from `rng`."""
        params = self.draw(rng, sample)
        if params is None:
            return sample
        moved = self.move_objects(self.move_image(sample, params), params)
        if sample.maps is None:
            return moved
        return moved.with_maps({name: self.move_map(name, sample, params) for name in sample.maps})

    @bypassed
    def __call__(self, labels: Labels) -> Labels:
        """Transform a label dictionary with random numbers from the process-wide generators."""
        if self.native and "instances" in labels:
            labels = as_labels(self.run(Sample.from_labels(labels), GlobalRng()))
            if self.box_format != "xyxy":
                labels["instances"].convert_bbox(self.box_format)
            return labels
        return BaseTransform.__call__(self, labels)

    @bypassed
    def get_params(self, labels: Labels) -> Any:
        """Draw the parameters for a label dictionary; None means that it stays as it is."""
        return self.draw(GlobalRng(), Sample.from_labels(labels))

    @bypassed
    def apply_image(self, labels: Labels, params: Any = None) -> Labels:
        """Return the labels with `img` (and what is known of its size) transformed."""
        if params is None:
            return labels
        moved = self.move_image(Sample.from_labels(labels), params)
        targets = {key: labels[key] for key in ("cls", "instances", *MAP_FILLS) if key in labels}
        return {**moved.meta, **targets, "img": moved.pixels()}

    @bypassed
    def apply_instances(self, labels: Labels, params: Any = None) -> Labels:
        """Return the labels with `instances` and `cls` transformed."""
        if params is None or "instances" not in labels:
            return labels
        moved = self.move_objects(Sample.from_labels(labels), params)
        return {**labels, **moved.with_maps(None).to_labels(), "img": labels["img"]}

    @bypassed
    def apply_semantic(self, labels: Labels, params: Any = None) -> Labels:
        """Return the labels with `semantic_mask` moved like the picture."""
        return self._with_map("semantic_mask", labels, params)

    @bypassed
    def apply_depth(self, labels: Labels, params: Any = None) -> Labels:
        """Return the labels with `depth` moved like the picture."""
        return self._with_map("depth", labels, params)

    def _with_map(self, name: str, labels: Labels, params: Any) -> Labels:
        sample = Sample.from_labels(labels)
        if params is None or name not in (sample.maps or {}):
            return labels
        return {**labels, name: painted(self.move_map(name, sample, params))[..., 0]}


def as_labels(data: Sample | Labels) -> Labels:
    """The label dictionary of a sample; a dictionary passes through."""
    return data.to_labels() if isinstance(data, Sample) else data


class Compose:
    """A chain of transforms; also usable as a list of them.

    Args:
        transforms: Transforms in the order of their application, or a single one.
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]] | Callable[[Any], Any]) -> None:
        self.transforms = list(transforms) if isinstance(transforms, Sequence) else [transforms]

    @property
    def native(self) -> bool:
        """Whether `run` may be used instead of a call."""
        return not changed(self, "__call__")

    @bypassed
    def __call__(self, data: Any, rng: Rng | None = None) -> Any:
        """Apply the chain.

        Args:
            data: A label dictionary (or whatever the first transform takes).
            rng: Source of the random numbers of built-in transforms; the process-wide generators when None.
        """
        return as_labels(self.run(data, GlobalRng() if rng is None else rng))

    def run(self, data: Any, rng: Rng) -> Any:
        """Apply the chain, converting between samples and dictionaries only where two kinds of transforms meet."""
        for transform in self.transforms:
            if not getattr(transform, "native", False):
                data = transform(as_labels(data))
            elif isinstance(transform, Compose) or isinstance(data, Sample):
                data = transform.run(data, rng)
            elif "instances" in data:
                data = transform.run(Sample.from_labels(data), rng)
            else:
                data = transform(data)
        return data

    def append(self, transform: Callable[[Any], Any]) -> None:
        """Add a transform at the end."""
        self.transforms.append(transform)

    def insert(self, index: int, transform: Callable[[Any], Any]) -> None:
        """Add a transform before position `index`."""
        self.transforms.insert(index, transform)

    def __getitem__(self, index: int | slice | list[int]) -> Any:
        """One transform for a number; a shorter chain for a slice or a list of numbers."""
        if isinstance(index, int):
            return self.transforms[index]
        if isinstance(index, slice):
            return Compose(self.transforms[index])
        return Compose([self.transforms[i] for i in index])

    def __setitem__(self, index: int | list[int], value: Any) -> None:
        """Replace one transform, or several by as many."""
        if isinstance(index, int):
            self.transforms[index] = value
            return
        if len(index) != len(value):
            raise ValueError(f"{len(index)} positions but {len(value)} transforms.")
        for i, transform in zip(index, value, strict=True):
            self.transforms[i] = transform

    def __len__(self) -> int:
        return len(self.transforms)

    def tolist(self) -> list[Callable[[Any], Any]]:
        """The transforms as a list."""
        return self.transforms

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(repr(t) for t in self.transforms)})"
