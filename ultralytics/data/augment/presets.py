"""The chains that the package uses: `v8_transforms` for training detection and its kin."""

from __future__ import annotations

import inspect
from typing import Any

from ultralytics.data.augment.albument import Albumentations
from ultralytics.data.augment.base import Compose
from ultralytics.data.augment.blend import CopyPaste, CutMix, MixUp, Mosaic
from ultralytics.data.augment.transforms import RandomFlip, RandomHSV, RandomPerspective
from ultralytics.utils.log import LOGGER
from ultralytics.utils.overrides import in_use

__all__ = ["transform_in_use", "v8_transforms"]


def transform_in_use(original: Any) -> Any:
    """Return what a user has put in place of a transform (or of `v8_transforms`) on `ultralytics.data.augment`."""
    return in_use(original, "ultralytics.data.augment")


def _keypoint_order(dataset: Any, hyp: Any) -> tuple[list[int], float, float]:
    """The keypoint order of mirrored pictures, and the flip probabilities it allows.

    Without an order left and right would be confused, so pictures with keypoints are then not mirrored.
    """
    data = getattr(dataset, "data", None) or {}
    order, shape = list(data.get("flip_idx") or []), data.get("kpt_shape")
    flips = hyp.flipud, hyp.fliplr
    if not getattr(dataset, "use_keypoints", False):
        return order, *flips
    if not order and any(flips):
        LOGGER.warning("Keypoints without 'flip_idx' in the data set YAML: flips are off (fliplr=0, flipud=0).")
        return order, 0.0, 0.0
    if order and shape is not None and len(order) != shape[0]:
        raise ValueError(
            f"flip_idx={order} has {len(order)} entries, but kpt_shape={list(shape)} has {shape[0]} points."
        )
    return order, *flips


def v8_transforms(dataset: Any, imgsz: int, hyp: Any, stretch: bool = False) -> Compose:
    """Build the training chain without `Format`.

    Mosaic, copy-paste (mode "flip"), perspective, copy-paste (mode "mixup"), mixup, cutmix, albumentations, colour,
    flips.

    Args:
        dataset: Gives partners of mixed pictures, and its `data` the keypoint order.
        imgsz: Side of the resulting pictures.
        hyp: Settings with the names of the default configuration; not changed.
        stretch: Accepted from version 8.1; the perspective step needs no letterboxing before it.
    """
    order, flipud, fliplr = _keypoint_order(dataset, hyp)
    mode = getattr(hyp, "copy_paste_mode", "flip")
    mosaic, copy_paste, flip = map(transform_in_use, (Mosaic, CopyPaste, RandomFlip))
    perspective = _perspective(dataset, imgsz, hyp)
    first = [mosaic(dataset, imgsz=imgsz, p=hyp.mosaic)]
    if mode == "flip":
        first += [copy_paste(dataset, p=hyp.copy_paste, mode=mode), perspective]
    else:
        partner_chain = Compose([mosaic(dataset, imgsz=imgsz, p=hyp.mosaic), perspective])
        first += [perspective, copy_paste(dataset, pre_transform=partner_chain, p=hyp.copy_paste, mode=mode)]
    start = Compose(first)
    return Compose(
        [
            start,
            transform_in_use(MixUp)(dataset, pre_transform=start, p=hyp.mixup),
            transform_in_use(CutMix)(dataset, pre_transform=start, p=getattr(hyp, "cutmix", 0.0)),
            _albumentations(getattr(hyp, "augmentations", None), order),
            transform_in_use(RandomHSV)(hgain=hyp.hsv_h, sgain=hyp.hsv_s, vgain=hyp.hsv_v),
            flip(direction="vertical", p=flipud, flip_idx=order),
            flip(direction="horizontal", p=fliplr, flip_idx=order),
        ]
    )


def _perspective(dataset: Any, imgsz: int, hyp: Any) -> Any:
    """The perspective step; a class that users put in place of ours need not know of snapping."""
    kind = transform_in_use(RandomPerspective)
    return kind(
        degrees=hyp.degrees,
        translate=hyp.translate,
        scale=hyp.scale,
        shear=hyp.shear,
        perspective=hyp.perspective,
        size=(imgsz, imgsz),
        preserve_obb=bool(getattr(dataset, "use_obb", False)),
        **({"snap": True} if kind is RandomPerspective else {}),
    )


def _albumentations(transforms: Any, order: list[int]) -> Any:
    """The step of that package; constructors that users put in place of ours take `p` alone, as 8.1's did."""
    kind = transform_in_use(Albumentations)
    taken = inspect.signature(kind).parameters
    options = {"transforms": transforms, "flip_idx": order}
    every = any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values())
    made = kind(p=1.0, **{name: value for name, value in options.items() if every or name in taken})
    if getattr(made, "flip_idx", order) is None:
        made.flip_idx = order
    return made
