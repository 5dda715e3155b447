"""Data sets and loaders from settings.

`InfiniteDataLoader` yields one epoch per iteration while its workers go on to the next one in the background, so an
epoch never begins with idle workers. What they make does not depend on their number (see `samplers`).
"""

from __future__ import annotations

import gc
import importlib
import random
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from ultralytics.cfg.tasks import TASK_INFOS
from ultralytics.data.dataset import YOLODataset
from ultralytics.data.describe.locate import get_split_fraction
from ultralytics.data.prefetch import AheadIterator
from ultralytics.data.samplers import ContiguousDistributedSampler, EpochBatchSampler
from ultralytics.data.shards.dataset import ShardedDataset
from ultralytics.data.sources import check_source, load_inference_source
from ultralytics.utils import env
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER, colorstr
from ultralytics.utils.overrides import in_use

__all__ = [
    "ContiguousDistributedSampler",
    "InfiniteDataLoader",
    "build_dataloader",
    "build_yolo_dataset",
    "check_source",
    "load_inference_source",
    "seed_worker",
]

STANDARD = YOLODataset  # a name of its own, since users replace the other one
SEED_BASE = 6148914691236517205  # of torch's own worker seeds; our samples have theirs in their refs


class InfiniteDataLoader(DataLoader):
    """A `DataLoader` whose workers live as long as it does; `for batch in loader` is one epoch.

    With an endless `EpochBatchSampler` workers prepare the next epoch's first batches while the caller validates.
    Leaving the loop early, or `set_epoch` to another epoch than the next, discards what was prepared.

    Args:
        args, kwargs: those of `DataLoader`. Without workers `ahead` (default 0) batches are made in a thread.
    """

    def __init__(self, *args: Any, ahead: int = 0, **kwargs: Any):
        if kwargs.get("num_workers", args[5] if len(args) > 5 else 0):
            kwargs.setdefault("persistent_workers", True)
        super().__init__(*args, **kwargs)
        self.ahead = ahead
        self._epoch = self._first = 0  # of the next iteration: which epoch, and its first batch
        self._ready: int | None = None  # epoch whose first batch the stream yields next
        self._stream: Iterator[Any] | None = None
        self._turn = 0  # counts streams, so that an iteration of an older one ends

    @property
    def batch_size(self) -> int | None:
        """Images per batch."""
        return getattr(self.batch_sampler, "batch_size", None) or self._batch_size

    @batch_size.setter
    def batch_size(self, value: int | None) -> None:
        self._batch_size = value  # by the base class, which has none where a sampler makes whole batches

    @property
    def sampler(self) -> Any:
        """What gives the order of the images, one epoch at an iteration."""
        inner = getattr(self.batch_sampler, "sampler", None)
        return self._sampler if inner is None else inner  # one without images is false

    @sampler.setter
    def sampler(self, value: Any) -> None:
        self._sampler = value

    @property
    def iterator(self) -> Iterator[Any]:
        """The stream of batches that the workers fill. The next loop over the loader starts another one."""
        if self._stream is None:
            self._open(self._epoch)
        self._ready = None
        return self._stream

    @iterator.setter
    def iterator(self, value: Iterator[Any]) -> None:
        self._stream, self._ready = value, self._epoch

    def __len__(self) -> int:
        return len(self.batch_sampler) if self.batch_sampler is not None else super().__len__()

    def set_epoch(self, epoch: int, first: int = 0) -> None:
        """Make `epoch` the one that the next iteration yields; without this it is one more than the last.

        Args:
            epoch: from 0.
            first: batch of the epoch to begin with; needs an `EpochBatchSampler`.
        """
        self._epoch, self._first = epoch, first

    def __iter__(self) -> Iterator[Any]:
        epoch, self._epoch = self._epoch, self._epoch + 1
        first, self._first = self._first, 0
        endless = getattr(self.batch_sampler, "endless", False)
        if self._stream is None or self._ready != epoch or first or not endless:
            self._open(epoch, first)
        self._ready = None  # until the epoch has been taken in full
        turn = self._turn
        for _ in range(first, len(self)):
            if self._turn != turn:
                return
            yield next(self._stream)
        if endless:
            self._ready = epoch + 1

    def _open(self, epoch: int, first: int = 0) -> None:
        """Start making batches from the batch `first` of `epoch` on."""
        for sampler in (self.batch_sampler, self.sampler, getattr(self.batch_sampler, "sampler", None)):
            if callable(getattr(sampler, "set_epoch", None)):
                sampler.set_epoch(epoch)
        if first:
            self.batch_sampler.set_epoch(epoch, first)
        self._drop_stream()
        if self.num_workers == 0 and self.ahead and self.batch_sampler is not None:
            cv2.setNumThreads(0)  # the thread is the parallelism; more of them would fight with those of torch
            self._stream = AheadIterator(self.batch_sampler, self._make, self.ahead)
        else:
            self._stream = super().__iter__()

    def _make(self, refs: list[Any]) -> Any:
        return self.collate_fn([self.dataset[ref] for ref in refs])

    def _drop_stream(self) -> None:
        if isinstance(self._stream, AheadIterator):
            self._stream.close()
        self._stream = self._ready = None
        self._turn += 1

    def reset(self) -> None:
        """End the workers; the next iteration starts new ones, with the data set as it then is."""
        self._drop_stream()
        self._iterator = None

    def close(self) -> None:
        """End the workers."""
        self.reset()


def seed_worker(worker_id: int) -> None:
    """Prepare a worker process: seeds for code that draws from global generators, no OpenCV threads, buffer size."""
    gc.freeze()  # collecting writes to every object there is, and each page written to stops being the parent's
    seed = torch.initial_seed() % 2**32
    np.random.seed(seed)
    random.seed(seed)
    cv2.setNumThreads(0)  # worker processes are the parallelism; threads inside them fight for the same cores
    info = get_worker_info()
    if info is not None and hasattr(info.dataset, "prepare_worker"):
        info.dataset.prepare_worker(info.num_workers)


def build_yolo_dataset(
    cfg: Any,
    img_path: str | list[str],
    batch: int,
    data: dict[str, Any],
    mode: str = "train",
    rect: bool = False,
    stride: int = 32,
    multi_modal: bool = False,
    fraction: float | None = None,
    kind: type[YOLODataset] | None = None,
) -> YOLODataset:
    """Build the data set of one split.

    Args:
        cfg: run settings (imgsz, cache, single_cls, classes, fraction, task, augmentation ...).
        img_path: images of the split.
        batch: images per batch.
        data: what `check_det_dataset` returned.
        mode: `train` turns augmentation on.
        rect: rectangular batches, also where `cfg.rect` is off.
        stride: network stride.
        multi_modal: data sets with texts; not available.
        fraction: share or number of images instead of what `cfg.fraction` says.
        kind: class of the data set; by default the one that `ultralytics.data.build.YOLODataset` is at the moment.

    Raises:
        NotImplementedError: for `multi_modal`.
    """
    if multi_modal:
        raise NotImplementedError("data sets with texts are not available; train with class names: multi_modal=False.")
    train = mode == "train"
    amount = get_split_fraction(cfg.fraction, mode) if fraction is None else fraction
    kind = kind or _kind_of(cfg.task, data)
    return kind(
        img_path=img_path,
        imgsz=cfg.imgsz,
        batch_size=batch,
        augment=train,
        hyp=cfg,
        rect=bool(cfg.rect or rect),
        cache=cfg.cache or False,
        single_cls=bool(cfg.single_cls),
        stride=int(stride),
        pad=0.0 if train else 0.5,
        prefix=colorstr(f"{mode}: "),
        task=cfg.task,
        classes=cfg.classes,
        data=data,
        fraction=amount,
    )


def _kind_of(task: str, data: dict[str, Any]) -> type[YOLODataset]:
    """Return the class of a task's data sets, or what a user has put in its place."""
    if data.get("shards"):
        return ShardedDataset
    chooser = getattr(TASK_INFOS.get(task), "dataset", "")
    if not chooser:
        return in_use(STANDARD, __name__, "ultralytics.data.dataset", "ultralytics.data")
    module, _, name = chooser.partition(":")
    return getattr(importlib.import_module(module), name)(data)


def build_dataloader(
    dataset: Dataset,
    batch: int,
    workers: int,
    shuffle: bool = True,
    rank: int = -1,
    drop_last: bool = False,
    pin_memory: bool = True,
    device: str | torch.device = "cuda",
    seed: int | None = None,
    weights: np.ndarray | None = None,
    smallest: int = 1,
) -> InfiniteDataLoader:
    """Build the loader of one rank.

    Args:
        dataset: data set with `collate_fn`, or any map-style data set.
        batch: images per batch, at most the length of the data set.
        workers: worker processes. At most the cores per GPU and the number of batches; a power of two where
            mixing augmentations draw on recently decoded images. 0 makes batches in this process, ahead in a thread.
        shuffle: new order each epoch, and endless prefetching.
        rank: this process, -1 when not distributed.
        drop_last: leave out a last batch that is not full.
        pin_memory: page-locked batches for faster copies to a GPU (`PIN_MEMORY=false` turns it off).
        device: where batches will go.
        seed: seed of the run; what torch's generator was seeded with where None.
        weights: (n,) draw images in proportion to these (see `samplers.class_balanced_weights`).
        smallest: images that the last batch of a shuffled epoch must have; fewer join the batch before.
    """
    batch = min(batch, len(dataset))
    seed = torch.initial_seed() % 2**32 if seed is None else seed
    lanes = bool(getattr(dataset, "augment", False)) and getattr(dataset, "ram", None) is None
    world = env.world_size() if rank >= 0 else 1
    sampler = EpochBatchSampler(
        dataset,
        batch,
        shuffle=shuffle or weights is not None,
        seed=seed,
        rank=max(rank, 0),
        world=world,
        drop_last=drop_last and len(dataset) > batch,
        smallest=smallest,
        weights=weights,
        keep_groups=bool(getattr(dataset, "rect", False)),
        lanes=lanes,
        endless=shuffle or weights is not None,
    )
    workers = _worker_count(workers, len(sampler), lanes)
    on_gpu = torch.cuda.is_available() and torch.device(device or "cuda").type == "cuda"
    return InfiniteDataLoader(
        dataset,
        batch_sampler=sampler,
        num_workers=workers,
        pin_memory=pin_memory and on_gpu and env.env_bool("PIN_MEMORY", True),
        collate_fn=getattr(dataset, "collate_fn", None),
        worker_init_fn=seed_worker,
        generator=torch.Generator().manual_seed((SEED_BASE + seed + max(rank, 0)) % 2**63),
        ahead=2 if env.cpu_count() > 1 else 0,
    )


def _worker_count(asked: int, batches: int, lanes: bool) -> int:
    """Number of worker processes to start."""
    cores = env.cpu_count() // max(torch.cuda.device_count(), 1)
    workers = max(0, min(asked, cores, batches if batches > 1 else 0))
    if lanes and workers:
        workers = 1 << (workers.bit_length() - 1)
    if workers < min(asked, batches if batches > 1 else 0):
        LOGGER.debug(f"workers={asked}: {workers} used ({cores} cores per device, {batches} batches).")
    return workers


__getattr__, __dir__ = offer(__name__)
