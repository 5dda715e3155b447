"""Drawing and writing in threads beside the caller's.

Encoders, decoders and disks work outside of the interpreter lock, so what they do for one picture costs no time while
the network looks at the next one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from ultralytics.utils.env import cpu_count

__all__ = ["Background"]

MOST_THREADS = 4
WAITING = 2  # pieces of work per thread; each may hold a picture


class Background:
    """Threads that do pieces of work; they are started with the first piece.

    Pieces of one lane are done one after the other, in the order in which they came, those of different lanes at the
    same time. So many may wait; the next one makes the caller wait for the oldest. The first error of a piece is raised
    again in the caller's thread, by the next call of a method, and only once; other pieces are done all the same.

    Args:
        threads: number of threads; up to 4, by the processor's cores, when None.

    Attributes:
        failed: whether a piece raised an error that was told.
    """

    def __init__(self, threads: int | None = None) -> None:
        self._threads = threads or min(MOST_THREADS, cpu_count())
        self._pools: dict[int, ThreadPoolExecutor] = {}
        self._waiting: deque[Future] = deque()
        self.failed = False

    def submit(self, lane: str, work: Callable[[], Any]) -> None:
        """Let a thread do a piece of work.

        Args:
            lane: pieces of the same one keep their order.
            work: called in a thread.
        """
        try:
            while self._waiting and (len(self._waiting) >= WAITING * self._threads or self._waiting[0].done()):
                self._collect()
        finally:  # an error, or an interrupt, is not this piece's
            number = hash(lane) % self._threads
            if number not in self._pools:
                self._pools[number] = ThreadPoolExecutor(1, thread_name_prefix="background")
            self._waiting.append(self._pools[number].submit(work))

    def _collect(self) -> None:
        """Wait for the oldest piece."""
        error = self._waiting.popleft().exception()
        if error is not None and not self.failed:
            self.failed = True
            raise error

    def settle(self) -> None:
        """Wait until everything is done.

        Raises:
            Exception: the first that a piece raised.
        """
        first: Exception | None = None
        while self._waiting:
            try:
                self._collect()
            except Exception as error:
                first = first or error
        if first is not None:
            raise first

    def close(self) -> None:
        """Settle and end the threads; an interrupt in the meantime gives up what has not begun."""
        try:
            self.settle()
        finally:
            for pool in self._pools.values():
                pool.shutdown(wait=False, cancel_futures=True)
            for work in self._waiting:  # what had begun; threads themselves are not waited for, see `AheadIterator`
                if not work.cancelled():
                    work.exception()
            self._pools.clear()
            self._waiting.clear()
