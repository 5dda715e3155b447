"""The queue before a model: who shares a batch, what happens when it is full, fails or closes."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from ultralytics.serve.batcher import Batcher, Closed, Full


def picture(value: int, side: int = 2) -> np.ndarray:
    return np.full((side, side, 3), value, np.uint8)


class Held:
    """A model that waits for the test before every batch and writes down what it was given."""

    def __init__(self) -> None:
        self.go, self.batches = threading.Semaphore(0), []

    def __call__(self, pictures, options):
        self.go.acquire()
        self.batches.append(([int(one[0, 0, 0]) for one in pictures], options))
        return [int(one[0, 0, 0]) for one in pictures]


def until(condition) -> None:
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("did not come")


def test_what_waits_runs_together():
    model, seen = Held(), []
    batcher = Batcher(model, size=3, wait=0.0, watch=lambda count, seconds: seen.append(count))
    first = batcher.submit([picture(0)])
    until(lambda: len(batcher) == 0)  # it is with the model, the rest waits
    rest = [batcher.submit([picture(i)])[0] for i in range(1, 6)]
    for _ in range(3):
        model.go.release()
    assert [f.result(10) for f in (*first, *rest)] == list(range(6))
    batcher.close()
    assert [given for given, _ in model.batches] == [[0], [1, 2, 3], [4, 5]] and seen == [1, 3, 2]


def test_others_options_and_shapes_do_not_share_a_batch():
    model = Held()
    batcher = Batcher(model, size=8, wait=0.0, group=lambda p: p.shape)
    batcher.submit([picture(0)])
    until(lambda: len(batcher) == 0)
    answers = batcher.submit([picture(1)], "a") + batcher.submit([picture(2), picture(3, 4)], "b")
    answers += batcher.submit([picture(4)], "a") + batcher.submit([picture(5)], "b")
    for _ in range(5):
        model.go.release()
    assert [f.result(10) for f in answers] == [1, 2, 3, 4, 5]
    assert model.batches[1:] == [([1, 4], "a"), ([2, 5], "b"), ([3], "b")]
    batcher.close()


def test_the_first_one_waits_for_company():
    batcher = Batcher(lambda pictures, options: [len(pictures)] * len(pictures), size=2, wait=60.0)
    first = batcher.submit([picture(0)])[0]
    assert not first.done()
    second = batcher.submit([picture(1)])[0]
    assert first.result(10) == second.result(10) == 2  # full: a minute is not waited for
    batcher.close()


def test_a_full_queue_refuses_all_of_a_request():
    model = Held()
    batcher = Batcher(model, size=1, wait=0.0, limit=2)
    batcher.submit([picture(0)])
    until(lambda: len(batcher) == 0)
    kept = batcher.submit([picture(1)])
    with pytest.raises(Full, match="1 pictures wait"):
        batcher.submit([picture(2), picture(3)])
    kept += batcher.submit([picture(4)])
    for _ in range(3):
        model.go.release()
    assert [f.result(10) for f in kept] == [1, 4]
    batcher.close()


def test_one_failure_is_its_own():
    def run(pictures, options):
        if any(one[0, 0, 0] == 7 for one in pictures):
            raise ValueError("seven")
        return [int(one[0, 0, 0]) for one in pictures]

    batcher = Batcher(run, size=4, wait=0.05)
    answers = batcher.submit([picture(i) for i in (5, 7, 6)])
    assert answers[0].result(10) == 5 and answers[2].result(10) == 6
    with pytest.raises(ValueError, match="seven"):
        answers[1].result(10)
    assert batcher.submit([picture(1)])[0].result(10) == 1  # it goes on
    batcher.close()


def test_closing_answers_what_waits():
    model = Held()
    batcher = Batcher(model, size=1, wait=0.0)
    answers = batcher.submit([picture(1), picture(2)])
    closing = threading.Thread(target=batcher.close)
    closing.start()
    until(lambda: not batcher.alive)
    with pytest.raises(Closed):
        batcher.submit([picture(3)])
    model.go.release()
    model.go.release()
    assert [f.result(10) for f in answers] == [1, 2]
    closing.join(10)
    assert not closing.is_alive()


def test_a_caller_who_left_is_skipped():
    model = Held()
    batcher = Batcher(model, size=4, wait=0.0)
    batcher.submit([picture(0)])
    until(lambda: len(batcher) == 0)
    left, stays = batcher.submit([picture(1), picture(2)])
    assert left.cancel()
    model.go.release()
    model.go.release()
    assert stays.result(10) == 2 and model.batches[-1][0] == [2]
    batcher.close()
