"""`BaseDataset`: images, their labels, rectangular batches, the image caches and the making of one sample.

A sample is asked for by a `SampleRef`, which holds all that its random draws depend on; a plain index works too and
then draws from the process's global generators. Labels are packed arrays (`labels/table.py`), which `dataset.labels`
and other lists show in the public form (`views.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from ultralytics.cfg.merge import DEFAULT_CFG
from ultralytics.data.augment.rng import GlobalRng, SampleRng
from ultralytics.data.describe.locate import find_images
from ultralytics.data.images.buffer import ImageBuffer
from ultralytics.data.images.cache import DiskImages, RamImages, disk_has_room, fill, in_memory, ram_has_room
from ultralytics.data.images.io import imread as read_picture
from ultralytics.data.images.io import resize_to, scaled_size_hw
from ultralytics.data.labels.cache import get_hash
from ultralytics.data.labels.lists import LabelList
from ultralytics.data.samplers import SampleRef, buffer_length, spread_fraction
from ultralytics.data.views import DatasetViews
from ultralytics.utils.lazy import offer
from ultralytics.utils.overrides import bypassed, changed

__all__ = ["BaseDataset"]


class BaseDataset(DatasetViews, Dataset):
    """Images with box labels. Subclasses say where labels come from and which transforms apply.

    Args:
        img_path: folder, list file, or a list of those.
        imgsz: long side that images are scaled to, in pixels.
        cache: True or "ram", "disk", or False.
        augment: training augmentation on.
        hyp: augmentation settings, a namespace with the keys of the default configuration.
        prefix: start of log lines.
        rect: rectangular batches: images sorted by aspect ratio, each batch padded to its own shape.
        batch_size: images per batch.
        stride: network stride that rectangular shapes are multiples of.
        pad: padding of rectangular shapes in strides.
        single_cls: all classes become class 0.
        classes: keep only labels of these class ids.
        fraction: share of the images in (0, 1], or their number above 1; chosen by `hyp.seed`, spread over all of them.
        channels: 3 for colour, 1 for grey, another number for pictures of so many bands.

    Raises:
        FileNotFoundError: where `img_path` has no images.
    """

    takes_refs = True  # samplers may pass a SampleRef where a plain index would go
    stretched = False  # images are scaled to a square, whatever their shape
    short_side = False  # it is the short side that is scaled to `imgsz`

    def __init__(
        self,
        img_path: str | Sequence[str],
        imgsz: int = 640,
        cache: bool | str = False,
        augment: bool = True,
        hyp: Any = DEFAULT_CFG,
        prefix: str = "",
        rect: bool = False,
        batch_size: int = 16,
        stride: int = 32,
        pad: float = 0.5,
        single_cls: bool = False,
        classes: Sequence[int] | None = None,
        fraction: float = 1.0,
        channels: int = 3,
    ):
        super().__init__()
        self.img_path, self.imgsz, self.augment, self.prefix = img_path, imgsz, augment, prefix
        self.rect, self.batch_size, self.stride, self.pad = rect, batch_size, stride, pad
        self.single_cls, self.fraction, self.channels, self.hyp = single_cls, fraction, channels, hyp
        self.close_mosaic_epoch = _closing_epoch(hyp) if augment else None
        self._labels = LabelList.of(())
        self.im_files = self.get_img_files(img_path)
        self.labels = self.get_labels()
        self.update_labels(include_class=classes)
        self.batch = self.batch_shapes = None
        if self.rect:
            self.set_rectangle()
        self.ram: RamImages | None = None
        self.disk: DiskImages | None = None
        self._buffer = ImageBuffer(0)
        self.cache = self._open_cache(cache)
        self._buffer = ImageBuffer(self.buffer_capacity() if augment and self.ram is None else 0)
        self.transforms = self.build_transforms(hyp=hyp)

    # Files and labels

    def get_img_files(self, img_path: str | Sequence[str]) -> list[str]:
        """Return the image files of `img_path`, thinned out by `fraction`."""
        files = find_images(img_path, self.prefix)
        if self.fraction == 1:
            return files
        kept = spread_fraction(len(files), self.fraction, seed=getattr(self.hyp, "seed", 0) or 0)
        return [files[i] for i in kept]

    def get_labels(self) -> LabelList | Sequence[Mapping[str, Any]]:
        """Return the labels of `self.im_files`, as a `LabelList` or as dicts of its form.

        Images that cannot be used are left out.
        """
        raise NotImplementedError(f"{type(self).__name__} must define get_labels(); YOLODataset reads label files.")

    def update_labels(self, include_class: Sequence[int] | None) -> None:
        """Keep only labels of the given class ids, and make all classes one where `single_cls` says so."""
        classes = None if include_class is None else np.atleast_1d(np.asarray(include_class, np.int64))
        if classes is not None or self.single_cls:
            self.labels = self.labels.narrowed(classes, self.single_cls)

    def set_rectangle(self) -> None:
        """Sort images by height over width and give every batch the smallest shape that holds its images."""
        shapes = self.packed.shapes
        ratios = shapes[:, 0] / shapes[:, 1]
        order = np.argsort(ratios, kind="stable")
        self.labels = self.labels.take(order)
        self.batch = np.arange(self.ni) // self.batch_size
        starts = np.arange(0, self.ni, self.batch_size)
        low = np.minimum.reduceat(ratios[order], starts)
        high = np.maximum.reduceat(ratios[order], starts)
        sides = np.ones((len(starts), 2))
        sides[high < 1, 0] = high[high < 1]  # all wide
        sides[low > 1, 1] = 1 / low[low > 1]  # all tall
        self.batch_shapes = np.ceil(sides * self.imgsz / self.stride + self.pad).astype(int) * self.stride

    # Images

    @property
    def max_buffer_length(self) -> int:
        """Number of decoded images that this process keeps."""
        return self._buffer.capacity

    def prepare_worker(self, workers: int) -> None:
        """Give one of `workers` loader processes an image buffer of its own, sized for its share.

        A forked process must not use the old one: another thread may have held its lock at the fork.
        """
        self._buffer = ImageBuffer(self.buffer_capacity(workers) if self._buffer.capacity else 0)

    def buffer_capacity(self, workers: int = 0) -> int:
        """Return how many decoded images each of `workers` processes keeps, or this one."""
        return buffer_length(self.ni, self.batch_size, workers)

    def load_image(
        self, i: int, rect_mode: bool | None = None, resize_short: bool | None = None
    ) -> tuple[np.ndarray, tuple[int, int], tuple[int, int]]:
        """Return image `i` scaled to `imgsz`, its original size and its size.

        Args:
            i: image.
            rect_mode: keep the aspect ratio; otherwise stretch to a square. None does what the data set does.
            resize_short: scale the short side to `imgsz` instead of the long one. None does what the data set does.

        Returns:
            image: (H, W, C) uint8 BGR. It may be shared: do not write to it.
            original: (height, width) of the file.
            size: (height, width) of the image.
        """
        rect_mode = not self.stretched if rect_mode is None else rect_mode
        resize_short = self.short_side if resize_short is None else resize_short
        usual = bool(rect_mode) != self.stretched and bool(resize_short) == self.short_side
        found = self._held_image(i, count=True) if usual else None
        if found is None:
            original = self._decode(i)
            size = self._scaled(original.shape[:2], rect_mode, resize_short)
            found = resize_to(original, size), original.shape[:2]
            found[0].flags.writeable = False
            if usual:
                self._buffer.put(i, *found)
        return found[0], found[1], found[0].shape[:2]

    def _held_image(self, i: int, count: bool = False) -> tuple[np.ndarray, tuple[int, int]] | None:
        own = self._own_list("ims")
        if own is not None and own[i] is not None:
            sizes = self._own_list("im_hw0")
            return own[i], tuple((sizes and sizes[i]) or own[i].shape[:2])
        if self.ram is not None:
            return self.ram[i], tuple(self._original_sizes[i].tolist())
        return self._buffer.get(i, count) if self._buffer.capacity else None

    def _recent(self) -> list[int]:
        return self._buffer.indices()

    def _scaled(self, size_hw: tuple[int, int], rect_mode: bool, resize_short: bool) -> tuple[int, int]:
        return scaled_size_hw(size_hw, self.imgsz, resize_short) if rect_mode else (self.imgsz, self.imgsz)

    def _usual_size(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        return self._scaled(size_hw, not self.stretched, self.short_side)

    def _decode(self, i: int) -> np.ndarray:
        """Image `i` in full size, from the disk cache where it is there."""
        file = self._file(i)
        image = self.disk.load(file, self._array_file(i)) if self.disk is not None else None
        return self._picture(i) if image is None or image.shape[2] != self.channels else image

    def _picture(self, i: int) -> np.ndarray:
        """Image `i` in full size, from where it lies."""
        return read_picture(self._file(i), self.channels)

    def _file(self, i: int) -> str:
        return self._labels.file(i) if self._image_files is None else self._image_files[i]

    def _array_file(self, i: int) -> str | None:
        """Where the array of image `i` lies, if somebody has said so."""
        own = self._own_list("npy_files")
        return None if own is None else own[i]

    def _open_cache(self, cache: bool | str) -> str | None:
        """Fill the image cache that was asked for and return its kind, or None where there is none.

        Raises:
            ValueError: for an unknown kind.
        """
        kind = {False: None, None: None, True: "ram", "false": None, "true": "ram", "ram": "ram", "disk": "disk"}.get(
            cache.lower() if isinstance(cache, str) else cache, "?"
        )
        if kind == "?":
            raise ValueError(f"cache={cache!r}; use True or 'ram', 'disk', or False.")
        self.cache = kind
        if (kind == "ram" and self.check_cache_ram()) or (kind == "disk" and self.check_cache_disk()):
            self.cache_images()
            return kind
        return None

    def _cached_shapes(self) -> np.ndarray:
        """(n, 3) height, width, channels of every scaled image."""
        sizes = [self._usual_size((int(h), int(w))) for h, w in self.packed.shapes]
        return np.column_stack([np.array(sizes).reshape(-1, 2), np.full(len(sizes), self.channels)])

    def check_cache_ram(self, safety_margin: float = 1.0) -> bool:
        """Whether all scaled images fit into the available memory, with a margin of that share."""
        return ram_has_room(int(self._cached_shapes().prod(1).sum()), safety_margin, self.prefix)

    def check_cache_disk(self, safety_margin: float = 0.1) -> bool:
        """Whether all images in full size fit onto the disk they lie on, and their folder can be written."""
        need = int(self.packed.shapes.astype(np.int64).prod(1).sum()) * self.channels
        return disk_has_room(Path(self._file(0)).parent, need, safety_margin, self.prefix)

    def cache_images(self) -> None:
        """Fill the cache of the kind `self.cache`: memory, or arrays on disk where missing or older than the image."""
        if self.cache == "ram":
            self._fill_ram()
        else:
            # Arrays that somebody's own method writes do not carry our mark.
            self.disk = DiskImages(marked=not changed(self, "cache_images_to_disk"))
            fill(lambda i: self.cache_images_to_disk(i) or 0, self.ni, f"{self.prefix}Caching images (disk)")

    def _fill_ram(self) -> None:
        self._original_sizes = self.packed.shapes
        self.ram = in_memory(self._cached_shapes(), self._content_key(), self._read_scaled, self.prefix)

    def _content_key(self) -> str:
        """Text that stands for the pixels of all scaled images."""
        fitting = f"{' stretched' * self.stretched}{' short' * self.short_side}"
        return f"{get_hash(self.im_files)} {self.imgsz} {self.channels}{fitting}"

    def _read_scaled(self, i: int) -> np.ndarray:
        image = self._picture(i)
        return resize_to(image, self._usual_size(image.shape[:2]))

    @bypassed
    def cache_images_to_disk(self, i: int) -> int:
        """Write the array of image `i` unless it is there, and return its size in bytes."""
        disk, file, path = self.disk or DiskImages(), self._file(i), self._array_file(i)
        present = disk.load(file, path)
        fits = present is not None and present.shape[2] == self.channels  # another run's may be grey
        return present.nbytes if fits else disk.store(file, self._picture(i), path)

    # Samples

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int | SampleRef) -> dict[str, Any]:
        """Return one transformed sample."""
        ref = index if isinstance(index, SampleRef) else None
        self._buffer.renew(int(index))
        labels = self.get_image_and_label(index)
        labels.setdefault("ref", index)
        if self.augment and self._mixing_closed(ref):
            labels["mix"] = False  # one chain for the whole run, so that transforms a user added stay in it
        if not self.augment or not getattr(self.transforms, "native", False):  # a user's own callable
            return self.transforms(labels)
        return self.transforms(labels, GlobalRng() if ref is None else SampleRng(ref.key))

    def _mixing_closed(self, ref: SampleRef | None) -> bool:
        """Return whether mosaic and the other mixing augmentations are over for this sample."""
        closed = self.close_mosaic_epoch is not None and (ref.epoch if ref else 0) >= self.close_mosaic_epoch
        return closed or (ref is not None and not ref.mixing)

    def get_image_and_label(self, index: int | SampleRef) -> dict[str, Any]:
        """Return image and labels of one image before any transform.

        Keys: im_file, img (H, W, C) uint8 BGR, ori_shape, resized_shape, ratio_pad (height and width ratio), cls (N,
            1),
        rect_shape with rectangular batches, ref, and what `update_labels_info` makes of the boxes.
        """
        i = range(len(self))[int(index)]
        image, original, size = self.load_image(i)
        label = {
            **self._labels.sample(i),
            "img": image,
            "ori_shape": tuple(original),
            "resized_shape": tuple(size),
            "ratio_pad": (size[0] / original[0], size[1] / original[1]),
            "ref": index,
        }
        if self.rect:
            label["rect_shape"] = self.batch_shapes[self.batch[i]]
        return self.update_labels_info(label)

    def draw_partners(self, ref: int | SampleRef, n: int, rng: Any) -> list[int | SampleRef]:
        """Choose `n` images to mix with the sample `ref`, from its partner pool (see `samplers`)."""
        pool = ref.pool if isinstance(ref, SampleRef) else None
        size = len(self) if pool is None else len(pool)
        picks = rng.choices(range(size), n)
        indices = picks if pool is None else [int(pool[k]) for k in picks]
        return [ref.at(i) for i in indices] if isinstance(ref, SampleRef) else indices

    def update_labels_info(self, label: dict[str, Any]) -> dict[str, Any]:
        """Turn the label arrays into the form that transforms take; subclasses do."""
        return label

    def build_transforms(self, hyp: Any = None) -> Callable[..., dict[str, Any]]:
        """Return the transforms: a `Compose`, or any function of the labels; subclasses do."""
        raise NotImplementedError(f"{type(self).__name__} must define build_transforms(hyp).")


def _closing_epoch(hyp: Any) -> int | None:
    """First epoch without mosaic; None keeps it on, also in runs shorter than `close_mosaic` epochs."""
    closing, epochs = getattr(hyp, "close_mosaic", 0), getattr(hyp, "epochs", None)
    return epochs - closing if closing and epochs and epochs >= closing else None


__getattr__, __dir__ = offer(__name__)
