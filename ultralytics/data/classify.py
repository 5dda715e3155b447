"""`ClassificationDataset`: pictures in a folder per class.

Listing and checking happen once and are cached without pickles beside the folder. A sample is bytes until the batch is
on its device; what a training picture looks like depends on its ref (`samplers.SampleRef`) alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset, get_worker_info

from ultralytics.data.augment.classify import classify_transforms
from ultralytics.data.augment.picture import RandomPicture, centre_picture, channels_first, resized
from ultralytics.data.augment.rng import GlobalRng, SampleRng
from ultralytics.data.describe.class_folders import Listing, examples, list_pictures
from ultralytics.data.describe.locate import get_split_fraction
from ultralytics.data.images.cache import DiskImages, RamImages, disk_has_room, fill, in_memory, ram_has_room
from ultralytics.data.images.io import imread
from ultralytics.data.labels.cache import ScanResult, get_hash, load_labels, save_labels
from ultralytics.data.labels.lists import LateList
from ultralytics.data.labels.scan import report, scan_each
from ultralytics.data.labels.table import LabelPacker, PackedLabels
from ultralytics.data.labels.verify import LabelRows, ScanRow, scan_image
from ultralytics.data.samplers import SampleRef, spread_fraction
from ultralytics.utils.log import LOGGER, colorstr
from ultralytics.utils.overrides import bypassed, changed

__all__ = ["ClassificationDataset"]

REDUCTIONS = (8, 4, 2)  # what JPEG decoders can divide the sides by
CACHES = {False: "", None: "", True: "ram", "false": "", "true": "ram", "ram": "ram", "disk": "disk"}
WHOLE = np.array([[0.5, 0.5, 1.0, 1.0]], np.float32)  # the box of a picture that is one object


class ClassificationDataset(Dataset):
    """Pictures of a folder with a folder per class.

    A sample is `{"img": (C, size, size) bytes RGB, "cls": class, "im_file": path}`. A chain of your own goes into
    `torch_transforms`: a function of an RGB PIL picture, whose result becomes `img` as it is. Where pictures have other
    than three channels it gets the array (H, W, C).

    Args:
        root: folder of class folders.
        args: run settings: imgsz, cache, fraction, seed and the augmentation's.
        augment: training augmentation on.
        prefix: name of the split, at the start of log lines.
        names: classes by id, as the training split has them; those of the folders when None.
        channels: 3 for colour, 1 for grey, another number for pictures of so many bands.

    Attributes:
        names: class names by id.
        findings: problems of the scan (`verify.Finding`).
        torch_transforms: what makes a picture into a sample.

    Raises:
        FileNotFoundError: where there are no pictures.
        ValueError: where none of them is usable, or a setting is not known.
    """

    takes_refs = True  # samplers may pass a SampleRef where a plain index would go

    def __init__(
        self,
        root: str | Path,
        args: Any,
        augment: bool = False,
        prefix: str = "",
        names: Mapping[int, str] | Sequence[str] | None = None,
        channels: int = 3,
    ) -> None:
        self.root, self.args, self.imgsz, self.channels = str(root), args, int(args.imgsz), channels
        self.prefix = colorstr(f"{prefix}: ") if prefix else ""
        listing = self._list(root)
        listed = (names.values() if isinstance(names, Mapping) else names) if names else listing.names
        self.names = {i: str(name) for i, name in enumerate(listed)}
        files, classes, whole = self._chosen(listing, "train" if augment else "val")
        self.findings: list[Any] = []
        self._use(self._scan(files, classes, whole))
        if changed(self, "verify_images"):
            self.samples = self.verify_images()
        self._random = RandomPicture.from_args(args, channels) if augment else None
        self._own = self._random or classify_transforms(self.imgsz)
        self.torch_transforms = self._own
        self.ram: RamImages | None = None
        self._disk: DiskImages | None = None
        self._open_cache(getattr(args, "cache", False))

    # Pictures and classes ---------------------------------------------------------------------------------------------

    def _list(self, root: str | Path) -> Listing:
        """Return which pictures there are, and of which classes."""
        return list_pictures(root)

    def _chosen(self, listing: Listing, split: str) -> tuple[list[str], list[int], bool]:
        """Return the pictures to use, their classes, and whether they are all of the folder's."""
        if not listing.files:
            raise FileNotFoundError(f"{self.prefix}no pictures in the class folders of '{self.root}'.")
        ids = {name: i for i, name in self.names.items()}
        unknown = [name for name in listing.names if name not in ids]
        if unknown:
            LOGGER.warning(
                f"{self.prefix}'{self.root}' has classes that training does not know: {examples(unknown)}; their "
                "pictures are left out."
            )
        owners = [ids.get(listing.names[owner], -1) for owner in listing.owners]
        pairs = [(file, owner) for file, owner in zip(listing.files, owners, strict=True) if owner >= 0]
        if not pairs:
            raise ValueError(
                f"{self.prefix}no class folder of '{self.root}' is one of the classes {examples(self.names.values())}."
            )
        pairs.sort(key=lambda pair: pair[1])  # by class, so that a share of them has every class
        amount = get_split_fraction(getattr(self.args, "fraction", 1.0), split)
        kept = spread_fraction(len(pairs), amount, getattr(self.args, "seed", 0) or 0) if amount != 1 else None
        pairs = pairs if kept is None else [pairs[i] for i in kept]
        return [file for file, _ in pairs], [owner for _, owner in pairs], kept is None

    def _scan(self, files: Sequence[str], classes: Sequence[int], whole: bool) -> PackedLabels:
        """Check every picture, or take over what an earlier check of the same files found."""
        folder = Path(self.root)
        key = get_hash(files, ("classify", *self.names.values(), *self._bands))
        mark = "" if whole else f"-{get_hash((), list(files))[:8]}"
        path = folder.with_name(f"{folder.name}{mark}.cache")
        found = load_labels(path, key)
        if found is None:
            found = scan_each(
                files,
                lambda i: _checked(files[i], classes[i], self.channels),
                f"{self.prefix}Scanning {folder}...",
                _counts,
            )
            save_labels(path, key, found)
        else:
            LOGGER.info(f"{self.prefix}Scanned before: {folder}... {_counts(found.counts)}")
        self.findings = found.findings
        report(found.findings, self.prefix)
        self._check(found)
        return found.labels

    def _check(self, found: ScanResult) -> None:
        if not len(found.labels):
            shown = "; ".join(map(str, found.findings[:3]))
            raise ValueError(f"{self.prefix}none of {found.counts['total']} pictures in {self.root} is usable: {shown}")
        without = set(self.names) - set(np.unique(found.labels.classes).tolist())
        if without:
            LOGGER.warning(f"{self.prefix}no pictures of {examples(self.names[i] for i in sorted(without))}.")

    def _use(self, packed: PackedLabels) -> None:
        self._packed, self._classes = packed, packed.classes
        self._samples = LateList(len(packed), self._sample)

    def __getstate__(self) -> dict[str, Any]:
        """Take the changes of `samples` along; the list itself is made anew."""
        return {**self.__dict__, "_packed": self.packed, "_samples": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._use(self._packed)

    def _sample(self, i: int) -> tuple[str, int, Path, None]:
        file = self._packed.files[i]
        return file, int(self._classes[i]), Path(file).with_suffix(".npy"), None

    @property
    def packed(self) -> PackedLabels:
        """Files, classes and sizes of the pictures as arrays, brought up to date with `samples`."""
        samples = self._samples
        if samples.held:
            self._packed = self._repacked(samples)
            self._classes = self._packed.classes
            samples.release(len(self._packed))
        return self._packed

    def _repacked(self, samples: Sequence[Sequence[Any]]) -> PackedLabels:
        known = {file: i for i, file in enumerate(self._packed.files)}
        packer = LabelPacker()
        for file, cls, *_ in samples:
            file = str(file)
            size = self._packed.shapes[known[file]].tolist() if file in known else scan_image(file)[0]
            packer.add(file, tuple(size), LabelRows(np.array([cls], np.float32), WHOLE, [], None))
        return packer.finish()

    @property
    def classes(self) -> list[str]:
        """Class names in the order of their ids."""
        return list(self.names.values())

    @property
    def class_to_idx(self) -> dict[str, int]:
        """Class id of every name."""
        return {name: i for i, name in self.names.items()}

    @property
    def cls(self) -> np.ndarray:
        """(n,) class of every picture."""
        return self.packed.classes

    @property
    def im_files(self) -> Sequence[str]:
        """File of every picture."""
        return self.packed.files

    @property
    def samples(self) -> list[tuple[str, int, Path, None]]:
        """Of every picture: file, class, where the disk cache has its array, and nothing. The list may be changed."""
        return self._samples

    @samples.setter
    def samples(self, value: Sequence[Sequence[Any]]) -> None:
        """Use these pictures: a file and a class each, and whatever follows."""
        self._use(self._repacked(value))

    @bypassed
    def verify_images(self) -> list[tuple[str, int]]:
        """Return (file, class) of the pictures that can be used; the check itself is done when the set is opened."""
        return [(file, int(cls)) for file, cls in zip(self.packed.files, self.packed.cls, strict=True)]

    @property
    def _bands(self) -> tuple[int, ...]:
        """What tells caches of grey and of many bands from those of colour."""
        return () if self.channels == 3 else (self.channels,)

    # Reading ----------------------------------------------------------------------------------------------------------

    @staticmethod
    @bypassed
    def imread(f: str | Path) -> np.ndarray:
        """Read a picture as (H, W, 3) BGR bytes."""
        return imread(f)

    def _read(self, file: str, reduce: int = 1) -> np.ndarray:
        """Read a picture (H, W, C), at a whole fraction of its size where a decoder can do that."""
        return self.imread(file) if changed(self, "imread") else imread(file, self.channels, reduce)

    def _reduction(self, i: int) -> int:
        """What the decoder may divide a picture's sides by, so that no crop has to be enlarged because of it."""
        if self._random is None or self.channels != 3:
            return 1
        smallest = self._random.smallest_side(self.packed.shapes[i])
        return next((divisor for divisor in REDUCTIONS if smallest / divisor >= self.imgsz), 1)

    def _size_hw(self, i: int) -> tuple[int, int]:
        """Height and width that a training picture is read at."""
        divisor = self._reduction(i)
        return tuple(-(-int(side) // divisor) for side in self.packed.shapes[i])

    def _decode(self, i: int) -> np.ndarray:
        """Read picture `i` at the size that its augmentation starts from."""
        file = self.packed.files[i]
        stored = None if self._disk is None else self._disk.load(file)
        if stored is not None and stored.shape[2] == self.channels:
            image = stored
        else:
            image = self._read(file, self._reduction(i))
        size_hw = self._size_hw(i)
        return image if image.shape[:2] == size_hw else resized(image, size_hw, cv2.INTER_AREA)

    def _prepared(self, i: int) -> np.ndarray:
        """What the memory cache holds of picture `i`: the augmentation's input, or the finished validation picture."""
        image = self._decode(i)
        return image if self._random is not None else centre_picture(image, self.imgsz)

    def _open_cache(self, cache: Any) -> None:
        """Fill the cache that was asked for, where there is room for it."""
        kind = CACHES.get(cache.lower() if isinstance(cache, str) else cache)
        if kind is None:
            raise ValueError(f"cache={cache!r}; use True or 'ram', 'disk', or False.")
        self.cache_ram, self.cache_disk = kind == "ram", kind == "disk"
        if self.cache_ram:
            self.cache_ram = ram_has_room(int(self._cached_shapes().prod(1).sum()), 1.0, self.prefix)
        elif self.cache_disk:
            need = int(self.packed.shapes.astype(np.int64).prod(1).sum()) * self.channels
            self.cache_disk = disk_has_room(Path(self.packed.files[0]).parent, need, 0.1, self.prefix)
        if self.cache_ram or self.cache_disk:
            self.cache_images()

    def _cached_shapes(self) -> np.ndarray:
        """(n, 3) height, width, channels of what the memory cache holds."""
        sizes = [self._size_hw(i) if self._random else (self.imgsz, self.imgsz) for i in range(len(self))]
        return np.column_stack([np.array(sizes).reshape(-1, 2), np.full(len(sizes), self.channels)])

    def cache_images(self) -> None:
        """Fill the cache that was asked for: memory, or arrays next to the pictures, where missing or older."""
        if self.cache_ram:
            kind = "train" if self._random else "val"
            key = f"{get_hash(self.packed.files)} {self.imgsz} classify {kind}{self._bands or ''}"
            self.ram = in_memory(self._cached_shapes(), key, self._prepared, self.prefix)
            return
        self._disk = DiskImages()
        fill(self._store, len(self), f"{self.prefix}Caching images (disk)")

    def _store(self, i: int) -> int:
        file = self.packed.files[i]
        present = self._disk.load(file)
        fits = present is not None and present.shape[2] == self.channels  # another run's may be grey
        return present.nbytes if fits else self._disk.store(file, self._read(file))

    # Samples ----------------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.packed)

    def __getitem__(self, index: int | SampleRef) -> dict[str, Any]:
        """Return one sample."""
        ref = index if isinstance(index, SampleRef) else None
        i = range(len(self))[int(index)]
        sample = {"cls": int(self.packed.cls[i]), "im_file": self._packed.files[i]}
        if self.torch_transforms is not self._own:  # somebody's own chain, which wants to see all of the picture
            array = self._read(sample["im_file"])
            rgb = Image.fromarray(np.ascontiguousarray(array[..., ::-1])) if self.channels == 3 else array
            return {"img": self.torch_transforms(rgb), **sample}
        image = self._prepared(i) if self.ram is None else self.ram[i]
        if self._random is not None:
            image = self._random.run(image, GlobalRng() if ref is None else SampleRng(ref.key))
        return {"img": channels_first(image), **sample}

    @staticmethod
    def collate_fn(batch: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Join samples: `img` (B, C, H, W), `cls` (B,) int64, `im_file` list of B."""
        pictures = [torch.as_tensor(sample["img"]) for sample in batch]
        images = torch.empty((len(pictures), *pictures[0].shape), dtype=pictures[0].dtype)
        if get_worker_info() is not None:
            images.share_memory_()  # saves a copy on the way to the main process
        rows = images.numpy()  # numpy copies in this thread; torch would start a team of threads beside the training's
        for row, picture in zip(rows, pictures, strict=True):
            row[...] = picture.numpy()
        return {
            "img": images,
            "cls": torch.tensor([sample["cls"] for sample in batch]),
            "im_file": [sample["im_file"] for sample in batch],
        }


def _checked(file: str, cls: int, channels: int) -> ScanRow:
    """Check one picture."""
    size_hw, findings = scan_image(file, channels)
    rows = LabelRows(np.array([cls], np.float32), WHOLE, [], None)
    return ScanRow(size_hw, rows if math.prod(size_hw) else None, findings)


def _counts(counts: Mapping[str, int]) -> str:
    """Say what a scan found in a few words."""
    return f"{counts['found']} images, {counts['corrupt']} corrupt"
