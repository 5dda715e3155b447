"""Small helpers that the public interface names: retrying, muting errors, threads, plot settings, groups of types."""

from __future__ import annotations

import contextlib
import functools
import inspect
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ultralytics.utils.log import LOGGER

__all__ = [
    "FLOAT_OR_INT",
    "STR_OR_PATH",
    "Retry",
    "ThreadingLocked",
    "TryExcept",
    "get_default_args",
    "plt_settings",
    "threaded",
    "to_2tuple",
    "to_4tuple",
]

FLOAT_OR_INT = (float, int)  # for `isinstance`
STR_OR_PATH = (str, Path)


class TryExcept(contextlib.ContextDecorator):
    """Turn any error of a block or of a decorated function, which then returns None, into a warning.

    Args:
        msg: start of the warning.
        verbose: warn at all.
    """

    def __init__(self, msg: str = "", verbose: bool = True):
        self.msg = msg
        self.verbose = verbose

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, exc_type: Any, value: BaseException | None, traceback: Any) -> bool:
        if value is not None and not isinstance(value, Exception):
            return False  # Ctrl-C and exits pass
        if value is not None and self.verbose:
            LOGGER.warning(": ".join(part for part in (self.msg, str(value)) if part))
        return True


class Retry(contextlib.ContextDecorator):
    """Decorator that calls a function again when it raises.

    Args:
        times: calls altogether; the error of the last one is raised.
        delay: seconds before the second call, doubled before each further one.
        verbose: warn about failed calls.
    """

    def __init__(self, times: int = 3, delay: float = 2, verbose: bool = True):
        self.times, self.delay, self.verbose = times, delay, verbose

    def __call__(self, func: Callable) -> Callable:
        """Return the retrying function."""

        @functools.wraps(func)
        def again(*args: Any, **kwargs: Any) -> Any:
            for attempt in range(1, self.times + 1):
                try:
                    return func(*args, **kwargs)
                except Exception as error:
                    if self.verbose:
                        LOGGER.warning(f"{func.__name__}: attempt {attempt} of {self.times} failed: {error}")
                    if attempt == self.times:
                        raise
                    time.sleep(self.delay * 2 ** (attempt - 1))
            return None

        return again


class ThreadingLocked:
    """Decorator that lets one thread at a time into a function."""

    def __init__(self):
        self.lock = threading.Lock()

    def __call__(self, f: Callable) -> Callable:
        """Return the function that waits for its turn."""

        @functools.wraps(f)
        def alone(*args: Any, **kwargs: Any) -> Any:
            with self.lock:
                return f(*args, **kwargs)

        return alone


def threaded(func: Callable) -> Callable:
    """Decorator that runs a function in a background thread and returns that; `threaded=False` calls it directly."""

    @functools.wraps(func)
    def start(*args: Any, **kwargs: Any) -> Any:
        if not kwargs.pop("threaded", True):
            return func(*args, **kwargs)
        thread = threading.Thread(target=func, args=args, kwargs=kwargs, daemon=True)
        thread.start()
        return thread

    return start


def get_default_args(func: Callable) -> dict[str, Any]:
    """Return the arguments of a function that have defaults, with those."""
    parameters = inspect.signature(func).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


def plt_settings(rcparams: dict[str, Any] | None = None, backend: str = "Agg") -> Callable:
    """Decorator that runs a plotting function with other matplotlib settings and backend, and restores both.

    Args:
        rcparams: matplotlib settings, by default a font size of 11.
        backend: drawing backend; `Agg` needs no display.
    """
    chosen = {"font.size": 11} if rcparams is None else rcparams

    def decorate(func: Callable) -> Callable:
        @functools.wraps(func)
        def plot(*args: Any, **kwargs: Any) -> Any:
            from matplotlib import pyplot as plt  # imported here: half a second that only plotting should cost

            before = plt.get_backend()
            switch = before.lower() != backend.lower()
            if switch:
                plt.close("all")  # figures of one backend cannot be shown by another
                plt.switch_backend(backend)
            try:
                with plt.rc_context(chosen):
                    return func(*args, **kwargs)
            finally:
                if switch:
                    plt.close("all")
                    plt.switch_backend(before)

        return plot

    return decorate


def to_2tuple(x: Any) -> Any:
    """Return a single value twice; what can be iterated over stays as it is."""
    return x if isinstance(x, Iterable) else (x, x)


def to_4tuple(x: Any) -> Any:
    """Return a single value four times; what can be iterated over stays as it is."""
    return x if isinstance(x, Iterable) else (x, x, x, x)
