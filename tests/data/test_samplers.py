"""The order of an epoch is a pure function of seed and epoch, complete, and fair to ranks."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ultralytics.data.samplers import (
    LANES,
    ContiguousDistributedSampler,
    EpochBatchSampler,
    SampleRef,
    buffer_length,
    class_balanced_weights,
    lane_batches,
    spread_fraction,
)


class Numbers:
    takes_refs = True
    close_mosaic_epoch = None

    def __init__(self, n: int):
        self.n = n

    def __len__(self) -> int:
        return self.n


def epoch_of(sampler: EpochBatchSampler, epoch: int = 0) -> list[list[SampleRef]]:
    return [sampler.refs(epoch, i) for i in range(len(sampler))]


def indices(batches: list[list[SampleRef]]) -> list[int]:
    return [ref.index for batch in batches for ref in batch]


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 70), batch=st.integers(1, 9), world=st.integers(1, 5), epoch=st.integers(0, 5))
def test_every_image_once_over_all_ranks_in_equally_many_batches(n, batch, world, epoch):
    samplers = [EpochBatchSampler(Numbers(n), batch, rank=r, world=world) for r in range(world)]
    parts = [epoch_of(s, epoch) for s in samplers]
    assert len({len(part) for part in parts}) == 1
    assert all(0 < len(b) <= batch for part in parts for b in part)
    seen = [i for part in parts for i in indices(part)]
    assert set(seen) == set(range(n))
    if all(len(range(r, n, world)) >= len(parts[0]) for r in range(world)):
        assert len(seen) == n
    assert all(len(part) == len(s) for part, s in zip(parts, samplers, strict=True))


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 70), batch=st.integers(2, 9), world=st.integers(1, 5))
def test_last_batches_that_are_too_small_join_those_before(n, batch, world):
    parts = [
        [len(b) for b in epoch_of(EpochBatchSampler(Numbers(n), batch, rank=r, world=world, smallest=2))]
        for r in range(world)
    ]
    plain = len(EpochBatchSampler(Numbers(n), batch, world=world))
    assert len({len(part) for part in parts}) == 1 and plain - 1 <= len(parts[0]) <= plain
    assert all(size <= batch + 2 for part in parts for size in part)
    if n // world >= 2:
        assert sum(map(sum, parts)) == n and all(size >= 2 for part in parts for size in part)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 70), batch=st.integers(1, 9), world=st.integers(1, 5))
def test_validation_has_no_duplicates_and_whole_batches(n, batch, world):
    parts = [
        indices(epoch_of(EpochBatchSampler(Numbers(n), batch, shuffle=False, rank=r, world=world)))
        for r in range(world)
    ]
    assert [i for part in parts for i in part] == list(range(n))
    assert parts == [list(ContiguousDistributedSampler(Numbers(n), world, batch, r)) for r in range(world)]
    assert all(part[0] % batch == 0 for part in parts if part)


def test_contiguous_ranges_match_the_public_ones():
    ranges = [list(ContiguousDistributedSampler(Numbers(100), 3, 16, rank)) for rank in range(3)]
    assert ranges == [list(range(48)), list(range(48, 80)), list(range(80, 100))]
    shuffled = ContiguousDistributedSampler(Numbers(10), 2, 4, 0, shuffle=True)
    shuffled.set_epoch(1)
    assert sorted(shuffled) == list(range(8)) and len(shuffled) == 8
    with pytest.raises(ValueError, match="rank 2"):
        ContiguousDistributedSampler(Numbers(10), 2, 4, 2)


def test_order_depends_on_seed_and_epoch_alone():
    make = lambda seed: EpochBatchSampler(Numbers(50), 4, seed=seed, lanes=True, endless=True)  # noqa: E731
    running = [[(r.index, r.position, r.epoch) for r in b] for b in islice(make(1), 4 * 13)]
    fresh = make(1)
    fresh.set_epoch(2)
    resumed = [[(r.index, r.position, r.epoch) for r in b] for b in islice(fresh, 13)]
    assert resumed == running[26:39]
    assert running[:13] != running[13:26]
    assert indices(epoch_of(make(2))) != indices(epoch_of(make(1)))


def test_pools_hold_recent_batches_of_one_lane_and_survive_resume():
    n, batch = 400, 4
    sampler = EpochBatchSampler(Numbers(n), batch, lanes=True)
    numbers = len(sampler)
    for epoch, number in ((0, 0), (0, 7), (2, 3), (5, 99)):
        pool = sampler.refs(epoch, number)[0].pool
        now = epoch * numbers + number
        expected = set()
        for back in range(lane_batches(batch)):
            e, b = divmod(now - LANES * back, numbers)
            expected |= set(sampler.batches(e)[b][1].tolist())
        assert set(pool.tolist()) == expected and len(pool) >= 12
        again = EpochBatchSampler(Numbers(n), batch, lanes=True).refs(epoch, number)[0].pool
        np.testing.assert_array_equal(pool, again)


@pytest.mark.parametrize("workers", [1, 2, 4, 8])
def test_pools_are_in_the_buffer_of_the_worker_that_needs_them(workers):
    """With the loader's round robin a worker's last images contain nearly every partner."""
    n, batch = 3000, 8
    sampler = EpochBatchSampler(Numbers(n), batch, lanes=True)
    held: list[dict[int, None]] = [{} for _ in range(workers)]
    capacity, missed, asked = buffer_length(n, batch, workers), 0, 0
    for g in range(200):
        epoch, number = divmod(g, len(sampler))
        refs, buffer = sampler.refs(epoch, number), held[g % workers]
        for ref in refs:
            buffer.pop(ref.index, None)
            buffer[ref.index] = None
        if g >= 100:
            asked += len(refs[0].pool)
            missed += sum(int(i) not in buffer for i in refs[0].pool)
        while len(buffer) > capacity:
            del buffer[next(iter(buffer))]
    assert missed == 0 and asked > 1000


def test_small_sets_and_whole_set_pools():
    assert EpochBatchSampler(Numbers(30), 4, lanes=True).refs(0, 0)[0].pool is None
    assert EpochBatchSampler(Numbers(300), 4).refs(0, 0)[0].pool is None
    assert buffer_length(100, 16) == 100 and buffer_length(10**6, 16, 8) == 64 and buffer_length(10**6, 16) == 400


def test_mixing_ends_with_the_epoch():
    numbers = Numbers(8)
    numbers.close_mosaic_epoch = 2
    sampler = EpochBatchSampler(numbers, 4, endless=True)
    assert [batch[0].mixing for batch in islice(sampler, 8)] == [True] * 4 + [False] * 4


def test_rectangular_groups_stay_together():
    sampler = EpochBatchSampler(Numbers(22), 4, keep_groups=True)
    batches = [[r.index for r in b] for b in epoch_of(sampler, 3)]
    assert sorted(batches) == [list(range(s, min(22, s + 4))) for s in range(0, 22, 4)]
    assert batches != sorted(batches)
    parts = [epoch_of(EpochBatchSampler(Numbers(22), 4, keep_groups=True, rank=r, world=2), 3) for r in range(2)]
    assert sorted(b[0].index for part in parts for b in part) == list(range(0, 22, 4))


def test_weights_draw_rare_images_more_often():
    weights = np.ones(100)
    weights[7] = 50
    sampler = EpochBatchSampler(Numbers(100), 10, weights=weights)
    counts = np.bincount([i for e in range(30) for i in indices(epoch_of(sampler, e))], minlength=100)
    assert counts.sum() == 3000 and counts[7] > 20 * np.median(counts)
    assert indices(epoch_of(sampler, 4)) == indices(epoch_of(EpochBatchSampler(Numbers(100), 10, weights=weights), 4))
    with pytest.raises(ValueError, match="weights"):
        EpochBatchSampler(Numbers(3), 2, weights=np.array([1.0, -1, 0]))


def test_class_balanced_weights(make_set):
    from ultralytics.data.labels.table import LabelPacker
    from ultralytics.data.labels.verify import LabelRows

    packer = LabelPacker()
    for i, classes in enumerate([[0, 0, 0], [1], [], [0, 1]]):
        cls = np.array(classes, np.float32)
        packer.add(str(i), (1, 1), LabelRows(cls, np.zeros((len(cls), 4), np.float32), [], None))
    weights = class_balanced_weights(packer.finish(), 2)
    np.testing.assert_allclose(weights, [1 / 4, 1 / 2, 1 / 4, 3 / 8])


def test_plain_indices_for_data_sets_without_refs():
    assert sorted(i for batch in EpochBatchSampler([10, 20, 30], 2) for i in batch) == [0, 1, 2]


def test_drop_last_and_bad_arguments():
    assert [len(b) for b in EpochBatchSampler(Numbers(10), 4, drop_last=True)] == [4, 4]
    assert [len(b) for b in EpochBatchSampler(Numbers(10), 4, drop_last=True, shuffle=False)] == [4, 4]
    with pytest.raises(ValueError, match="without images"):
        EpochBatchSampler(Numbers(0), 4)
    with pytest.raises(ValueError, match="rank 3"):
        EpochBatchSampler(Numbers(4), 4, rank=3, world=2)


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 500), share=st.floats(0.001, 1), seed=st.integers(0, 9))
def test_fraction_is_spread_and_seeded(n, share, seed):
    chosen = spread_fraction(n, share, seed)
    assert len(chosen) == min(n, max(1, round(n * share)))
    assert len(set(chosen.tolist())) == len(chosen) and chosen.min() >= 0 and chosen.max() < n
    assert (np.diff(chosen) > 0).all()
    gaps = np.diff(np.concatenate(([-1], chosen, [n])))
    assert gaps.max() <= 2 * np.ceil(n / len(chosen)) + 1
    np.testing.assert_array_equal(chosen, spread_fraction(n, share, seed))


def test_fraction_takes_counts():
    assert len(spread_fraction(100, 7)) == 7 and len(spread_fraction(5, 7)) == 5
    assert spread_fraction(100, 0.1, 1).tolist() != spread_fraction(100, 0.1, 2).tolist()
