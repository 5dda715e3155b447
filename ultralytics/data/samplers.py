"""Which image comes when: the order of an epoch as a pure function of (seed, epoch), for any number of workers and
ranks.

A sampler yields `SampleRef`s. A ref says everything that the making of a sample depends on, so a sample is the same
whichever process makes it and whatever that process did before, and a run resumed at epoch k sees what the
uninterrupted run saw.

Partners for mosaic and its kin should be images that the same process decoded a moment ago, but must not depend on the
number of workers. Batches are therefore dealt to `LANES` fixed lanes in turn, and partners come from the batch itself
and from the lane's last batches. With 1, 2, 4 or 8 workers the loader's round robin sends all batches of a lane to one
worker, whose image buffer holds them; with another number the result is the same and more images are decoded twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sized
from itertools import count, pairwise
from typing import Any

import numpy as np
from torch.utils.data import Sampler

from ultralytics.data.labels.table import PackedLabels
from ultralytics.utils import env

__all__ = [
    "LANES",
    "ContiguousDistributedSampler",
    "EpochBatchSampler",
    "ImageOrder",
    "SampleRef",
    "buffer_length",
    "class_balanced_weights",
    "contiguous_range",
    "spread_fraction",
]

LANES = 8
MIN_POOL = 16  # images a partner pool should have, whatever the batch size


def lane_batches(batch_size: int) -> int:
    """Batches of a lane that partners are drawn from, the present one included.

    Three give a mosaic batch about twice as many different images as it has samples. With large batches two do, and
    keep the images that all lanes together hold near a thousand.
    """
    return max(3 if batch_size <= 40 else 2, -(-MIN_POOL // batch_size))


def buffer_length(n: int, batch_size: int, workers: int = 0) -> int:
    """Decoded images that one of `workers` processes keeps so that partner pools are found in it."""
    if n <= LANES * batch_size:
        return n
    lanes_here = -(-LANES // max(1, workers))
    return min(n, (lanes_here * lane_batches(batch_size) + 1) * batch_size)


class SampleRef(int):
    """One sample of an epoch: the number of its image, with what its random draws depend on.

    It is a number wherever one is expected, so data sets whose methods take a plain index can be given it.

    Args:
        index: image in the data set.
        epoch: epoch it belongs to.
        position: place in the epoch's order over all ranks; tells repeated images apart.
        seed: seed of the run.
        mixing: whether mosaic and other mixing augmentations are on in this epoch.
        pool: indices of the images that partners are drawn from; None means the whole data set.
    """

    def __new__(
        cls,
        index: int,
        epoch: int = 0,
        position: int = 0,
        seed: int = 0,
        mixing: bool = True,
        pool: np.ndarray | None = None,
    ) -> SampleRef:
        """Make a number that knows the rest."""
        ref = super().__new__(cls, index)
        ref.epoch, ref.position, ref.seed, ref.mixing, ref.pool = epoch, position, seed, mixing, pool
        return ref

    @property
    def index(self) -> int:
        """The image, as a plain number."""
        return int(self)

    @property
    def key(self) -> tuple[int, int, int, int]:
        """Numbers that seed the random draws of this sample."""
        return self.seed, self.epoch, self.position, int(self)

    def at(self, index: int, **changes: Any) -> SampleRef:
        """Return the same for another image, and with other changes."""
        return SampleRef(index, **{**vars(self), **changes})


def spread_fraction(n: int, amount: float, seed: int = 0) -> np.ndarray:
    """Choose part of n items: rising indices, one from each of equally wide stretches, at a random place in it.

    Args:
        n: number of items.
        amount: share in (0, 1], or a number of items above 1.
        seed: the same seed chooses the same items.

    Returns:
        At least one index; all n for `amount=1`.
    """
    wanted = n * amount if amount <= 1 else amount
    k = min(n, max(1, round(wanted)))
    edges = np.arange(k + 1, dtype=np.int64) * n // k
    places = np.random.default_rng((abs(int(seed)), 0xF4AC)).random(k)
    return edges[:-1] + (places * np.diff(edges)).astype(np.int64)


def class_balanced_weights(labels: PackedLabels, nc: int) -> np.ndarray:
    """Weights (n,) for drawing images so that rare classes come up more often.

    An image weighs the mean of 1 / (boxes of that class in the data set) over its boxes; an image without boxes weighs
    the smallest of those.
    """
    classes = labels.classes
    counts = np.maximum(np.bincount(classes, minlength=nc), 1)
    summed = np.concatenate(([0.0], np.cumsum(1.0 / counts[classes])))
    per_image = np.diff(labels.offsets)
    weights = np.diff(summed[labels.offsets]) / np.maximum(per_image, 1)
    filled = per_image > 0
    weights[~filled] = weights[filled].min() if filled.any() else 1.0
    return weights


def contiguous_range(n: int, batch_size: int, rank: int, world: int) -> range:
    """Part of `range(n)` for one rank when whole batches are dealt out in order, earlier ranks getting the spare."""
    batches = -(-n // batch_size)
    each, spare = divmod(batches, world)
    first = rank * each + min(rank, spare)
    return range(min(n, first * batch_size), min(n, (first + each + (rank < spare)) * batch_size))


class EpochBatchSampler(Sampler[list[SampleRef]]):
    """Batches of `SampleRef`s for one rank.

    Every image comes exactly once an epoch over all ranks, and every rank gets the same number of batches, because
    ranks that step together must. Where the images do not divide evenly some last batches are smaller. Images are
    repeated only where a rank would otherwise have fewer images than batches (at batch size 1, or with more ranks than
    images), and never
    without shuffling: then ranks take consecutive whole batches and may differ by one batch.

    A data set that does not declare `takes_refs` is asked for plain indices. One with a method `epoch_order(rng)`
    says itself in which order (n,) its images come in a shuffled epoch.

    Args:
        dataset: anything with a length; `dataset.close_mosaic_epoch` is read where it exists.
        batch_size: images per batch and rank.
        shuffle: new order each epoch.
        seed: seed of the run.
        rank: this process, 0 when not distributed.
        world: number of processes.
        drop_last: leave out what does not fill a batch (kept if it is all there is).
        smallest: images that a last batch of a shuffled epoch must have; fewer join the batch before.
        weights: (n,) draw n images with replacement in proportion to these instead of each once.
        keep_groups: shuffle whole batches of consecutive images (rectangular training).
        lanes: draw mixing partners from recent batches of a lane; otherwise, and for data sets of at most `LANES`
            batches, from the whole data set.
        endless: iteration goes on into the next epochs, so that workers never wait for an epoch to begin.
    """

    def __init__(
        self,
        dataset: Sized,
        batch_size: int,
        *,
        shuffle: bool = True,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
        drop_last: bool = False,
        smallest: int = 1,
        weights: np.ndarray | None = None,
        keep_groups: bool = False,
        lanes: bool = False,
        endless: bool = False,
    ):
        if not 0 <= rank < world:
            raise ValueError(f"rank {rank} is not one of {world} processes.")
        if len(dataset) == 0:
            raise ValueError("a data set without images cannot be loaded.")
        if weights is not None and (len(weights) != len(dataset) or np.min(weights) < 0 or np.sum(weights) <= 0):
            raise ValueError(f"weights must be {len(dataset)} numbers from 0, not all 0.")
        self.dataset, self.batch_size, self.shuffle, self.seed = dataset, batch_size, shuffle, seed
        self.rank, self.world, self.drop_last, self.endless = rank, world, drop_last, endless
        self.keep_groups, self.smallest = keep_groups, smallest
        self.weights = None if weights is None else np.asarray(weights, np.float64) / np.sum(weights)
        self.plain = not getattr(dataset, "takes_refs", False)
        self.pool_batches = lane_batches(batch_size) if lanes and len(dataset) > LANES * batch_size else 0
        self.epoch = self.first = 0
        self._orders: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}
        self._count = len(self._cut(len(dataset)))

    @property
    def sampler(self) -> ImageOrder:
        """The order of the images, as a sampler of single ones."""
        return ImageOrder(self)

    def __len__(self) -> int:
        """Batches per epoch."""
        return self._count

    def set_epoch(self, epoch: int, first: int = 0) -> None:
        """Begin the next iteration at `epoch`, with its batch `first`."""
        self.epoch, self.first = epoch, first

    def __iter__(self) -> Iterator[list[SampleRef] | list[int]]:
        first = self.first
        for epoch in count(self.epoch) if self.endless else (self.epoch,):
            for number in range(first if epoch == self.epoch else 0, len(self)):
                refs = self.refs(epoch, number)
                yield [ref.index for ref in refs] if self.plain else refs

    def refs(self, epoch: int, number: int) -> list[SampleRef]:
        """Refs of one batch of this rank."""
        positions, indices = self.batches(epoch)[number]
        closing = getattr(self.dataset, "close_mosaic_epoch", None)
        mixing, pool = closing is None or epoch < closing, self._pool(epoch, number)
        return [
            SampleRef(int(index), epoch, int(position), self.seed, mixing, pool)
            for position, index in zip(positions, indices, strict=True)
        ]

    def order(self, epoch: int) -> np.ndarray:
        """Indices (n,) of the whole epoch over all ranks."""
        n = len(self.dataset)
        if not self.shuffle:
            return np.arange(n)
        rng = np.random.default_rng((self.seed & 0xFFFFFFFF, epoch & 0xFFFFFFFF))
        if self.weights is not None:
            return rng.choice(n, n, p=self.weights)
        if not self.keep_groups:
            own = getattr(self.dataset, "epoch_order", None)
            return rng.permutation(n) if own is None else own(rng)
        starts = rng.permutation(-(-n // self.batch_size)) * self.batch_size
        return np.concatenate([np.arange(start, min(n, start + self.batch_size)) for start in starts])

    def batches(self, epoch: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """(positions, indices) of every batch of this rank."""
        if epoch not in self._orders:
            while len(self._orders) > 2 + LANES * self.pool_batches // max(len(self), 1):
                self._orders.pop(next(iter(self._orders)))
            order = self.order(epoch)
            self._orders[epoch] = [(part, order[part]) for part in self._cut(len(order), order)]
        return self._orders[epoch]

    def _cut(self, n: int, order: np.ndarray | None = None) -> list[np.ndarray]:
        """Positions of every batch of this rank."""
        size = self.batch_size
        if not self.shuffle:
            mine = contiguous_range(n, size, self.rank, self.world)
            parts = [np.arange(a, min(a + size, mine.stop)) for a in range(mine.start, mine.stop, size)]
            return parts[: max(1, len(mine) // size)] if self.drop_last else parts
        if self.keep_groups:
            return self._cut_groups(n, order)
        number = max(1, n // self.world // size) if self.drop_last else math.ceil(math.ceil(n / self.world) / size)
        last = n // self.world - (number - 1) * size
        if number > 1 and last < self.smallest > 1 and not self.drop_last:
            number -= 1  # of the rank with the fewest images, so that all ranks have as many batches
        mine = np.arange(self.rank, n, self.world)
        if len(mine) < number:
            mine = np.concatenate((mine, np.arange(number - len(mine)) % n))
        ends = np.minimum(np.arange(number + 1) * size, len(mine))
        if not self.drop_last:
            ends = np.minimum(ends, len(mine) - np.arange(number, -1, -1))
            ends[-1] = len(mine)
        return [mine[a:b] for a, b in pairwise(ends)]

    def _cut_groups(self, n: int, order: np.ndarray | None) -> list[np.ndarray]:
        """Positions of whole groups: every `world`-th, the first ones again where they do not divide evenly."""
        size, groups = self.batch_size, -(-n // self.batch_size)
        # A shorter last group of the data set may stand anywhere in the shuffled order.
        short = groups * size - n
        lengths = np.full(groups, size)
        if short and order is not None:
            lengths[np.flatnonzero(order == n - 1)[0] // size] -= short
        starts = np.concatenate(([0], np.cumsum(lengths)))
        per_rank = -(-groups // self.world)
        mine = (self.rank + np.arange(per_rank) * self.world) % groups
        return [np.arange(starts[g], min(n, starts[g + 1])) for g in mine]

    def _pool(self, epoch: int, number: int) -> np.ndarray | None:
        """Images of this batch and of the lane's batches before it, also across epochs.

        Before the first epoch there are imagined ones (-1, -2 ...), so that early batches have a full pool too.
        """
        if not self.pool_batches:
            return None
        now = epoch * len(self) + number
        earlier = (divmod(now - LANES * back, len(self)) for back in range(self.pool_batches))
        return np.unique(np.concatenate([self.batches(e)[b][1] for e, b in earlier]))


class ImageOrder(Sampler[int]):
    """The images of a rank in the order of an epoch, one by one.

    Args:
        batches: what makes batches of them.
    """

    def __init__(self, batches: EpochBatchSampler) -> None:
        self.batches = batches

    @property
    def epoch(self) -> int:
        """The epoch."""
        return self.batches.epoch

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, for the batches too."""
        self.batches.set_epoch(epoch)

    def __iter__(self) -> Iterator[int]:
        for _, indices in self.batches.batches(self.epoch):
            yield from indices.tolist()

    def __len__(self) -> int:
        """Images of this rank per epoch."""
        return sum(len(indices) for _, indices in self.batches.batches(self.epoch))


class ContiguousDistributedSampler(Sampler[int]):
    """Consecutive whole batches for every rank: no image twice, none missing, rectangular batches stay together.

    Args:
        dataset: anything with a length.
        num_replicas: number of ranks; by default as the environment says.
        batch_size: images per batch; by default the data set's `batch_size`, else 1.
        rank: this process; by default as the environment says.
        shuffle: new order of this rank's images each epoch.
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        batch_size: int | None = None,
        rank: int | None = None,
        shuffle: bool = False,
    ):
        world = env.world_size() if num_replicas is None else num_replicas
        rank = max(0, env.rank()) if rank is None else rank
        if not 0 <= rank < world:
            raise ValueError(f"rank {rank} is not one of {world} processes.")
        self._range = contiguous_range(len(dataset), batch_size or getattr(dataset, "batch_size", 1), rank, world)
        self.shuffle, self.epoch = shuffle, 0

    def __iter__(self) -> Iterator[int]:
        if not self.shuffle:
            return iter(self._range)
        order = np.random.default_rng(self.epoch).permutation(len(self._range)) + self._range.start
        return iter(order.tolist())

    def __len__(self) -> int:
        return len(self._range)

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next iteration."""
        self.epoch = epoch
