"""Making batches, or reading pictures, ahead in threads of this process.

Decoding, warping and copying happen outside the interpreter lock, so a thread beside a CPU training step uses time in
which that step waits or runs on other cores. Every sample depends on its ref alone, so any number of threads gives
equal batches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

__all__ = ["AheadIterator"]

Task = TypeVar("Task")
Result = TypeVar("Result")


class AheadIterator(Generic[Task, Result]):
    """Results of `make(task)` in the order of `tasks`, with some of them being made in the background.

    An error of `make` is raised when its turn comes; the results after it may be taken all the same.

    Args:
        tasks: what to make; taken one by one in the caller's thread.
        make: function of one task that may run in any thread.
        depth: number of results to be ahead.
        threads: number of threads.
    """

    def __init__(self, tasks: Iterable[Task], make: Callable[[Task], Result], depth: int = 2, threads: int = 1):
        self._tasks = iter(tasks)
        self._make, self._depth = make, depth
        self._pool: ThreadPoolExecutor | None = ThreadPoolExecutor(threads, thread_name_prefix="batches")
        self._waiting: deque[Future[Result]] = deque()
        self._top_up()

    def _top_up(self) -> None:
        while self._pool is not None and len(self._waiting) < self._depth:
            try:
                task = next(self._tasks)
            except StopIteration:
                return
            self._waiting.append(self._pool.submit(self._make, task))

    def __iter__(self) -> Iterator[Result]:
        return self

    def __next__(self) -> Result:
        if not self._waiting:
            self.close()
            raise StopIteration
        first = self._waiting.popleft()
        self._top_up()
        return first.result()

    def close(self) -> None:
        """Give up what is not begun and let the threads end.

        They are not waited for: the garbage collector may close an iterator that was given up, while the thread that it
        runs in holds locks which ending threads want.
        """
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)
        self._waiting.clear()

    def __del__(self) -> None:
        self.close()
