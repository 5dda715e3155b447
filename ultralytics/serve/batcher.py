"""Pictures of many callers go through the model together: a bounded queue and one thread that empties it.

The thread takes what waits, at most `size` pictures, or what comes within a few milliseconds of the first one. Pictures
that the model would treat differently together than alone are kept apart, so nobody's answer depends on the others'.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ultralytics.utils.log import LOGGER

__all__ = ["Batcher", "Closed", "Full"]

Run = Callable[[Sequence[np.ndarray], Any], Sequence[Any]]


class Full(RuntimeError):
    """The queue takes no more pictures now."""


class Closed(RuntimeError):
    """The queue takes no more pictures at all."""


@dataclass
class _Job:
    picture: np.ndarray
    options: Hashable
    group: Hashable
    came: float = field(default_factory=time.monotonic)
    answer: Future = field(default_factory=Future)


class Batcher:
    """Runs pictures in batches, in a thread of its own.

    Args:
        run: maps pictures (H, W, C) and the options that they share to one answer for each.
        size: pictures in a batch, at most.
        wait: seconds that the first picture of a batch waits for others.
        limit: pictures that wait, at most.
        group: what pictures of a batch must have in common besides their options.
        watch: called with the number of pictures and the seconds of every batch that ran.
    """

    def __init__(
        self,
        run: Run,
        size: int = 8,
        wait: float = 0.005,
        limit: int = 256,
        group: Callable[[np.ndarray], Hashable] = lambda picture: None,
        watch: Callable[[int, float], None] = lambda count, seconds: None,
    ) -> None:
        self._run, self._group, self._watch = run, group, watch
        self.size, self.wait, self.limit = size, wait, limit
        self._jobs: deque[_Job] = deque()
        self._news = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="yolo-serve", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """Pictures that wait."""
        return len(self._jobs)

    @property
    def alive(self) -> bool:
        """Whether pictures are taken and answered."""
        return self._thread.is_alive() and not self._closed

    def submit(self, pictures: Sequence[np.ndarray], options: Hashable = None) -> list[Future]:
        """Queue the pictures of one caller, all or none, and return where their answers will be.

        Raises:
            Full: there is no room for all of them.
            Closed: after `close`.
        """
        jobs = [_Job(picture, options, self._group(picture)) for picture in pictures]
        with self._news:
            if self._closed:
                raise Closed("the server is stopping.")
            if len(self._jobs) + len(jobs) > self.limit:
                raise Full(f"{len(self._jobs)} pictures wait already, at most {self.limit} may.")
            self._jobs.extend(jobs)
            self._news.notify()
        return [job.answer for job in jobs]

    def close(self, timeout: float | None = None) -> None:
        """Take no more pictures, answer those that wait, and end the thread."""
        with self._news:
            self._closed = True
            self._news.notify()
        self._thread.join(timeout)

    def _work(self) -> None:
        while batch := self._next():
            self._answer(batch)

    def _next(self) -> list[_Job]:
        """Return the jobs of the next batch, none when the queue is closed and empty."""
        with self._news:
            while not self._jobs and not self._closed:
                self._news.wait()
            if not self._jobs:
                return []
            first = self._jobs[0]
            while not self._closed and self._matching(first) < self.size:
                left = first.came + self.wait - time.monotonic()
                if left <= 0 or not self._news.wait(left):
                    break
            return self._taken(first)

    def _matching(self, first: _Job) -> int:
        return sum(_alike(job, first) for job in self._jobs)

    def _taken(self, first: _Job) -> list[_Job]:
        """Take the first job and those that go with it out of the queue; the others keep their places."""
        batch, others = [], []
        for job in self._jobs:
            (batch if _alike(job, first) and len(batch) < self.size else others).append(job)
        self._jobs = deque(others)
        return batch

    def _answer(self, batch: list[_Job]) -> None:
        """Run a batch; where that fails, each picture alone, so that one does not take the others along."""
        batch = [job for job in batch if job.answer.set_running_or_notify_cancel()]
        if not batch:
            return
        started = time.monotonic()
        try:
            found = self._run([job.picture for job in batch], batch[0].options)
            for job, answer in zip(batch, found, strict=True):
                job.answer.set_result(answer)
        except Exception as error:
            LOGGER.warning(f"a batch of {len(batch)} failed: {error}")
            for job in batch:
                self._answer_alone(job)
        self._watch(len(batch), time.monotonic() - started)

    def _answer_alone(self, job: _Job) -> None:
        if job.answer.done():
            return
        try:
            job.answer.set_result(self._run([job.picture], job.options)[0])
        except Exception as error:
            job.answer.set_exception(error)


def _alike(job: _Job, other: _Job) -> bool:
    return job.options == other.options and job.group == other.group
