"""Transforms that need other samples: `Mosaic`, `MixUp`, `CutMix`, `CopyPaste`.

They ask the data set for partners. A data set with `draw_partners(ref, n, rng)` chooses them itself, from the sample's
own random stream; any other one is asked by index. A label dictionary with `mix` set to False is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from ultralytics.data.augment import mix
from ultralytics.data.augment.base import BaseTransform, Labels, SampleTransform, as_labels
from ultralytics.data.augment.geometry import flip_objects
from ultralytics.data.augment.rng import GlobalRng, Rng
from ultralytics.data.images.canvas import Picture, painted
from ultralytics.data.labels.instances import Instances
from ultralytics.data.sample import MAP_FILLS, Sample, join
from ultralytics.ops.iou import bbox_ioa
from ultralytics.utils.overrides import bypassed, changed, ignores, warn_of_ignored

__all__ = ["BaseMixTransform", "CopyPaste", "CutMix", "MixUp", "Mosaic"]


class BaseMixTransform(SampleTransform):
    """Base of transforms that combine a sample with others of its data set.

    A subclass either defines `draw_mix`, `move_image` and `move_objects` over samples, or overrides the public hooks
    over label dictionaries, which then find the partners under `mix_labels`.

    Args:
        dataset: Gives partners by `get_image_and_label(ref)`.
        pre_transform: Applied to every partner.
        p: Probability.

    Raises:
        ValueError: The probability is not in [0, 1].
    """

    steps = (*SampleTransform.steps, "get_indexes", "_update_label_text")

    def __init__(self, dataset: Any, pre_transform: Callable[[Any], Any] | None = None, p: float = 0.0) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"{type(self).__name__}: the probability must be in [0, 1], got {p}.")
        self.dataset, self.pre_transform, self.p = dataset, pre_transform, p
        self.preserve_obb = bool(getattr(dataset, "use_obb", False))
        warn_of_ignored(self)

    @property
    def native(self) -> bool:
        """Whether `run` may be used; not with `_mix_transform`, the only hook that version 8.3 had."""
        return not hasattr(self, "_mix_transform") and super().native

    @bypassed
    def __call__(self, labels: Labels) -> Labels:
        """Combine a label dictionary with partners, with probability `p`."""
        if self.native:
            return SampleTransform.__call__(self, labels)
        rng = GlobalRng()
        if not self._fires(labels, rng):
            return labels
        labels = self._with_mix_labels(dict(labels), rng)
        transform = getattr(self, "_mix_transform", None)
        mixed = transform(labels) if transform else BaseTransform.__call__(self, labels)
        return {key: value for key, value in mixed.items() if key != "mix_labels"}

    def _fires(self, about: Mapping[str, Any], rng: Rng) -> bool:
        """Decide whether to mix; `about` is a label dictionary or the `meta` of a sample."""
        return about.get("mix", True) and rng.uniform(0, 1) <= self.p

    def _with_mix_labels(self, labels: Labels, rng: Rng) -> Labels:
        """Put partners under `mix_labels`, unless some are there."""
        if "mix_labels" not in labels:
            labels["mix_labels"] = [as_labels(one) for one in self._fetch(labels.get("ref"), rng)]
            labels = self._update_label_text(labels)
        return labels

    @bypassed
    def get_params(self, labels: Labels) -> Any:
        """Draw the parameters: `mix_labels`, the partners, and what `draw_mix` adds; or `skip`, for no mixing.

        Partners are those under `mix_labels` of `labels`, where new ones are put if it has none.
        """
        rng = GlobalRng()
        labels.update(self._with_mix_labels(labels, rng))
        partners = labels["mix_labels"]
        drawn = self.draw_mix(rng, Sample.from_labels(labels), [Sample.from_labels(one) for one in partners])
        return {"mix_labels": partners, **({"skip": True} if drawn is None else drawn)}

    @bypassed
    def apply_image(self, labels: Labels, params: Any = None) -> Labels:
        """Return the labels with `img` (and what is known of its size) transformed."""
        return super().apply_image(labels, _with_samples(params))

    @bypassed
    def apply_instances(self, labels: Labels, params: Any = None) -> Labels:
        """Return the labels with `instances` and `cls` transformed."""
        return super().apply_instances(labels, _with_samples(params))

    def _with_map(self, name: str, labels: Labels, params: Any) -> Labels:
        return super()._with_map(name, labels, _with_samples(params))

    @staticmethod
    @bypassed
    def _update_label_text(labels: Labels) -> Labels:
        """Give the sample and its partners one numbering of texts; there are no texts here."""
        return labels

    def partner_count(self) -> int:
        """Number of other samples that one sample is combined with."""
        return 1

    @bypassed
    def get_indexes(self) -> int | list[int]:
        """Draw positions of partners from the process-wide generator."""
        drawn = self._indexes(GlobalRng())
        return drawn[0] if len(drawn) == 1 else drawn

    def _indexes(self, rng: Rng) -> list[int]:
        last = len(self.dataset) - 1
        return [rng.randint(0, last) for _ in range(self.partner_count())]

    def fetch(self, sample: Sample, rng: Rng) -> list[Sample]:
        """Load the partners of a sample and run `pre_transform` on them."""
        loaded = self._fetch(sample.meta.get("ref"), rng)
        return [item if isinstance(item, Sample) else Sample.from_labels(item) for item in loaded]

    def _fetch(self, ref: Any, rng: Rng) -> list[Sample | Labels]:
        dataset = self.dataset
        if changed(self, "get_indexes"):
            drawn = self.get_indexes()
            refs: Sequence[Any] = list(drawn) if isinstance(drawn, Sequence) else [drawn]
        elif ref is not None and hasattr(dataset, "draw_partners"):
            refs = dataset.draw_partners(ref, self.partner_count(), rng)
        else:
            refs = self._indexes(rng)
        loaded = [dataset.get_image_and_label(item) for item in refs]
        return loaded if self.pre_transform is None else [self._prepare(item, rng) for item in loaded]

    def _prepare(self, labels: Labels, rng: Rng) -> Sample | Labels:
        transform = self.pre_transform
        if not getattr(transform, "native", False):
            return transform(labels)
        return transform.run(Sample.from_labels(labels), rng)

    def draw(self, rng: Rng, sample: Sample) -> Mapping[str, Any] | None:
        """Decide whether to mix, choose the partners and draw how."""
        if not self._fires(sample.meta, rng):
            return None
        return self._with_partners(rng, sample, self.fetch(sample, rng))

    def _with_partners(self, rng: Rng, sample: Sample, partners: list[Sample]) -> Mapping[str, Any] | None:
        drawn = self.draw_mix(rng, sample, partners)
        return None if drawn is None else {"partners": partners, **drawn}

    def draw_mix(self, rng: Rng, sample: Sample, partners: Sequence[Sample]) -> Mapping[str, Any] | None:
        """Draw how the sample and its partners are combined; None leaves the sample alone."""
        return {}


def _with_samples(params: Any) -> Any:
    """Parameters for `move_image` and `move_objects`, which take partners as samples; None for no mixing."""
    if params is None or params.get("skip"):
        return None
    return {**params, "partners": [Sample.from_labels(one) for one in params.get("mix_labels", ())]}


@ignores(
    _mosaic3="override apply_image() and apply_instances()",
    _mosaic4="override get_params(), which places the pictures, or apply_image() and apply_instances()",
    _mosaic9="override get_params(), which places the pictures, or apply_image() and apply_instances()",
)
class Mosaic(BaseMixTransform):
    """Four or nine pictures on one canvas of twice the side.

    The canvas is not painted: a following `RandomPerspective` paints what it shows.

    Args:
        dataset: Gives the other three or eight samples.
        imgsz: Side S; the canvas is 2 S x 2 S.
        p: Probability.
        n: 4 or 9.

    Raises:
        ValueError: `n` or `p` is not allowed.
    """

    steps = (*BaseMixTransform.steps, "_update_labels", "_cat_labels")

    def __init__(self, dataset: Any, imgsz: int = 640, p: float = 1.0, n: int = 4) -> None:
        super().__init__(dataset, p=p)
        if n not in (4, 9):
            raise ValueError(f"Mosaic: n={n} is not supported, use 4 or 9.")
        self.imgsz, self.n = imgsz, n
        self.border = (-(imgsz // 2), -(imgsz // 2))
        self.buffer_enabled = getattr(dataset, "cache", None) != "ram"

    def partner_count(self) -> int:
        """Number of other samples in a mosaic."""
        return self.n - 1

    def _indexes(self, rng: Rng) -> list[int]:
        recent = getattr(self.dataset, "buffer", None) if self.buffer_enabled else None
        return rng.choices(list(recent), self.partner_count()) if recent else super()._indexes(rng)

    def draw_mix(self, rng: Rng, sample: Sample, partners: Sequence[Sample]) -> Mapping[str, Any]:
        """Draw the point where four pictures meet; nine have fixed places."""
        if sample.meta.get("rect_shape") is not None:
            raise ValueError("Mosaic needs square training: rect=True and mosaic exclude each other.")
        side = self.imgsz
        sizes = [member.size_hw for member in (sample, *partners)]
        if self.n == 9:
            corners = mix.mosaic9_corners(sizes, side)
        else:
            low, high = side // 2, 2 * side - side // 2
            corners = mix.mosaic4_corners(sizes, (int(rng.uniform(low, high)), int(rng.uniform(low, high))))
        return {"corners": corners, "size": (2 * side, 2 * side)}

    def move_image(self, sample: Sample, params: Mapping[str, Any]) -> Sample:
        """Return the sample on the canvas."""
        canvas = mix.tile((sample, *params["partners"]), params["corners"], params["size"])
        return sample.with_image(canvas).with_meta(resized_shape=params["size"])

    def move_map(self, name: str, sample: Sample, params: Mapping[str, Any]) -> Picture:
        """Return the maps of all samples on a canvas that says nothing where no picture lies."""
        return mix.tile_map(name, (sample, *params["partners"]), params["corners"], params["size"])

    def move_objects(self, sample: Sample, params: Mapping[str, Any]) -> Sample:
        """Return the objects of all samples at their places, cut to the canvas."""
        members = (sample, *params["partners"])
        return mix.tile_objects(members, params["corners"], params["size"], sample, self.preserve_obb)

    # The same over label dictionaries

    @bypassed
    def get_params(self, labels: Labels) -> Any:
        """Draw the parameters: `mix_labels`, and `layout`, one dictionary per picture.

        Of each picture it tells `labels_patch`, its labels, `img_shape` (height, width), `padw` and `padh`, the place
        of its corner, and the corners of the part that is seen, on the canvas (`x1a` ...) and in the picture (`x1b`
        ...).
        """
        params = super().get_params(labels)
        members = zip((labels, *params["mix_labels"]), params["corners"], strict=True)
        layout = [
            mix.placed(one["img"].shape[:2], corner, params["size"]) | {"labels_patch": one} for one, corner in members
        ]
        return {**params, "layout": layout}

    @bypassed
    def apply_image(self, labels: Labels, params: Any = None) -> Labels:
        """Return the labels with the canvas as `img`."""
        return {**labels, "img": mix.paint_layout(params["layout"], (2 * self.imgsz, 2 * self.imgsz))}

    @bypassed
    def apply_instances(self, labels: Labels, params: Any = None) -> Labels:
        """Return the labels with the objects of all pictures at their places."""
        moved = [
            self._update_labels(one["labels_patch"], one["padw"], one["padh"], one["img_shape"])
            for one in params["layout"]
        ]
        return {**labels, **self._cat_labels(moved)}

    def _with_map(self, name: str, labels: Labels, params: Any) -> Labels:
        if params is None or name not in labels:
            return labels
        side = 2 * self.imgsz
        return {**labels, name: mix.paint_layout(params["layout"], (side, side), name, MAP_FILLS[name])}

    @staticmethod
    @bypassed
    def _update_labels(labels: Labels, padw: int, padh: int, img_shape: tuple[int, int] | None = None) -> Labels:
        """Return the labels of one picture with its objects as pixel corners on the canvas.

        Args:
            labels: Labels with `instances`.
            padw: Pixels to the right.
            padh: Pixels down.
            img_shape: (height, width) of the picture that the objects belong to; that of `img` when None.
        """
        height, width = (labels["img"].shape if img_shape is None else img_shape)[:2]
        instances = labels["instances"][:]  # a copy: the methods below change it
        instances.convert_bbox("xyxy")
        instances.denormalize(width, height)
        instances.add_padding(padw, padh)
        return {**labels, "instances": instances}

    @bypassed
    def _cat_labels(self, mosaic_labels: list[Labels]) -> Labels:
        """Return `cls` and `instances` of all pictures, cut to the canvas, and what the mosaic has of the first one."""
        side = 2 * self.imgsz
        instances = Instances.concatenate([one["instances"] for one in mosaic_labels])[:]
        instances.clip(side, side, preserve_obb=self.preserve_obb)
        seen = instances.remove_zero_area_boxes()
        classes = np.concatenate([one["cls"] for one in mosaic_labels])[seen]
        about = {key: mosaic_labels[0][key] for key in ("im_file", "ori_shape") if key in mosaic_labels[0]}
        return {**about, "resized_shape": (side, side), "cls": classes, "instances": instances}


class MixUp(BaseMixTransform):
    """A weighted mean of two pictures, with the objects of both; the weight is Beta(32, 32).

    Source: H. Zhang et al., "mixup: Beyond empirical risk minimization", 2018.
    """

    def draw_mix(self, rng: Rng, sample: Sample, partners: Sequence[Sample]) -> Mapping[str, Any]:
        """Draw the weight `r` of the first picture."""
        if sample.size_hw != partners[0].size_hw:
            raise ValueError(
                f"MixUp needs pictures of one size, got {sample.size_hw} and {partners[0].size_hw} (h, w); "
                "resize both in pre_transform."
            )
        return {"r": rng.beta(32.0, 32.0)}

    def move_image(self, sample: Sample, params: Mapping[str, Any]) -> Sample:
        """Return the blended picture."""
        return sample.with_image(mix.blend_pictures(sample.pixels(), params["partners"][0].pixels(), params["r"]))

    def move_map(self, name: str, sample: Sample, params: Mapping[str, Any]) -> Picture:
        """Return the map of the picture with the larger weight: values of single pixels cannot be mixed."""
        return (sample if params["r"] >= 0.5 else params["partners"][0]).maps[name]

    def move_objects(self, sample: Sample, params: Mapping[str, Any]) -> Sample:
        """Return the objects of both."""
        return join((sample, params["partners"][0]), sample.image, sample.meta)


class CutMix(BaseMixTransform):
    """Paste a rectangle of another picture, with its objects, where no object is.

    Source: S. Yun et al., "CutMix: Regularization strategy to train strong classifiers", 2019.

    Args:
        dataset: Gives the other sample.
        pre_transform: Applied to it.
        p: Probability.
        beta: The free share of the picture is Beta(beta, beta).
        num_areas: Rectangles tried.
    """

    def __init__(
        self,
        dataset: Any,
        pre_transform: Callable[[Any], Any] | None = None,
        p: float = 0.0,
        beta: float = 1.0,
        num_areas: int = 3,
    ) -> None:
        super().__init__(dataset, pre_transform, p)
        self.beta, self.num_areas = beta, num_areas

    def _area(self, rng: Rng, size_hw: tuple[int, int]) -> tuple[int, int, int, int]:
        """Draw a rectangle around a random point, cut to the picture."""
        h, w = size_hw
        side = (1 - rng.beta(self.beta, self.beta)) ** 0.5
        half_w, half_h = int(w * side) // 2, int(h * side) // 2
        x, y = rng.integers(w), rng.integers(h)
        return max(x - half_w, 0), max(y - half_h, 0), min(x + half_w, w), min(y + half_h, h)

    def draw_mix(self, rng: Rng, sample: Sample, partners: Sequence[Sample]) -> Mapping[str, Any] | None:
        """Draw rectangles, take one that is free of objects, and find what comes with it."""
        areas = np.array([self._area(rng, sample.size_hw) for _ in range(self.num_areas)], np.float32)
        taken = bbox_ioa(areas, sample.boxes).max(axis=1, initial=0)
        free = np.flatnonzero(taken <= 0)
        if not len(free):
            return None
        area = areas[free[rng.integers(len(free))]]
        other = partners[0]
        if sample.maps is not None:  # every pixel counts, objects or not
            return {"area": area, "chosen": np.zeros(0, np.int64)}
        share = bbox_ioa(area[None], other.boxes)[0]
        chosen = np.flatnonzero(share >= (0.1 if other.segments is None else 0.01))
        return {"area": area, "chosen": chosen} if len(chosen) else None

    def move_image(self, sample: Sample, params: Mapping[str, Any]) -> Sample:
        """Return the picture with the pasted rectangle."""
        x1, y1, x2, y2 = params["area"].astype(int)
        picture = sample.pixels().copy()
        picture[y1:y2, x1:x2] = params["partners"][0].pixels()[y1:y2, x1:x2]
        return sample.with_image(picture)

    def move_map(self, name: str, sample: Sample, params: Mapping[str, Any]) -> Picture:
        """Return the map with the rectangle of the other one."""
        x1, y1, x2, y2 = params["area"].astype(int)
        changed_map = painted(sample.maps[name]).copy()
        changed_map[y1:y2, x1:x2] = painted(params["partners"][0].maps[name])[y1:y2, x1:x2]
        return changed_map

    def move_objects(self, sample: Sample, params: Mapping[str, Any]) -> Sample:
        """Return the objects with those of the rectangle, cut to it."""
        came = params["partners"][0].take(params["chosen"])
        came = mix.cut_objects(came, params["area"], self.preserve_obb)
        return join((sample, came), sample.image, sample.meta)


@ignores(_transform="override get_params(), which chooses the objects, or apply_image() and apply_instances()")
class CopyPaste(BaseMixTransform):
    """Paste objects, cut out along their polygons, where they hide little of the objects already there.

    Source: G. Ghiasi et al., "Simple copy-paste is a strong data augmentation method for instance segmentation", 2021.

    Args:
        dataset: Gives the other sample in mode "mixup", and the keypoint order of mirrored people in mode "flip".
        pre_transform: Applied to the other sample.
        p: Share of the candidates to paste; in mode "mixup" also the probability.
        mode: "flip" takes objects from the mirrored picture itself, "mixup" from another one.

    Raises:
        ValueError: The mode is unknown.
    """

    MOST_HIDDEN: ClassVar[float] = 0.3

    def __init__(
        self,
        dataset: Any = None,
        pre_transform: Callable[[Any], Any] | None = None,
        p: float = 0.5,
        mode: str = "flip",
    ) -> None:
        if isinstance(dataset, (int, float)):  # CopyPaste(0.5) of version 8.1
            dataset, p = None, float(dataset)
        super().__init__(dataset, pre_transform, p)
        if mode not in ("flip", "mixup"):
            raise ValueError(f"CopyPaste: mode={mode!r} is not supported, use 'flip' or 'mixup'.")
        self.mode = mode

    def draw(self, rng: Rng, sample: Sample) -> Mapping[str, Any] | None:
        """Choose the objects to paste."""
        return None if sample.segments is None else super().draw(rng, sample)

    def _fires(self, about: Mapping[str, Any], rng: Rng) -> bool:
        if self.p == 0 or self.mode == "mixup":
            return self.p > 0 and super()._fires(about, rng)
        return about.get("mix", True)  # in mode "flip" `p` is a share, not a probability

    def _fetch(self, ref: Any, rng: Rng) -> list[Sample | Labels]:
        """The other sample in mode "mixup", none in mode "flip"."""
        return super()._fetch(ref, rng) if self.mode == "mixup" else []

    def draw_mix(self, rng: Rng, sample: Sample, partners: Sequence[Sample]) -> Mapping[str, Any] | None:
        """Take the candidates that hide least; nothing here is random."""
        source = partners[0] if partners else self._mirrored_objects(sample)
        if sample.segments is None or source.segments is None or source.size_hw != sample.size_hw:
            return None
        hidden = bbox_ioa(source.boxes, sample.boxes).max(axis=1, initial=0)
        candidates = np.argsort(hidden, kind="stable")[: int((hidden < self.MOST_HIDDEN).sum())]
        chosen = candidates[: round(self.p * len(candidates))]
        return {"source": source, "chosen": chosen} if len(chosen) else None

    def _mirrored_objects(self, sample: Sample) -> Sample:
        order = getattr(self.dataset, "data", {}).get("flip_idx")
        return flip_objects(sample, sample.size_hw[1], horizontal=True, keypoint_order=order)

    def move_image(self, sample: Sample, params: Mapping[str, Any]) -> Sample:
        """Return the picture with the objects pasted in."""
        source, picture = params["source"], sample.pixels()
        mask = mix.fill_polygons(source.segments[params["chosen"]], picture.shape[:2])
        other = source.pixels() if params["partners"] else picture[:, ::-1]
        return sample.with_image(mix.paste_masked(picture, other, mask))

    def move_map(self, name: str, sample: Sample, params: Mapping[str, Any]) -> Picture:
        """Return the map with the pixels of the pasted objects."""
        own = painted(sample.maps[name])
        mask = mix.fill_polygons(params["source"].segments[params["chosen"]], own.shape[:2])
        other = painted(params["source"].maps[name]) if params["partners"] else own[:, ::-1]
        return mix.paste_masked(own, other, mask)

    def move_objects(self, sample: Sample, params: Mapping[str, Any]) -> Sample:
        """Return the objects with the pasted ones."""
        return join((sample, params["source"].take(params["chosen"])), sample.image, sample.meta)
