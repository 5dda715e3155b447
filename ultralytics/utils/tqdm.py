"""Progress bars in plain text, with the constructor and methods of the well-known `tqdm` class.

On a terminal the line is redrawn in place. Into a file or pipe a bar writes one line a minute and one at the end, so
logs stay short. `YOLO_VERBOSE=false` and processes other than the main one show nothing.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from ultralytics.utils import env
from ultralytics.utils.text import console_text

__all__ = ["TQDM", "is_noninteractive_console"]

BAR_WIDTH = 12
TQDM_BAR_FORMAT = "{l_bar}{bar:10}{r_bar}"  # what scripts pass on to bars; not used here
BYTE_UNITS = frozenset({"B", "bytes"})
SMOOTHING = 0.3  # weight of the newest interval in the shown rate


def is_noninteractive_console() -> bool:
    """Whether the console keeps every line (build logs, some notebooks), so that redrawing would flood it."""
    return env.is_github_action_running() or env.is_runpod() or not _is_terminal(sys.stdout)


def _is_terminal(file: Any) -> bool:
    return bool(getattr(file, "isatty", lambda: False)()) or env.is_jupyter()


class TQDM:
    """Progress over an iterable, or counted by hand with `update`.

    Args:
        iterable: what to loop over; its length is the total unless given.
        desc: text before the bar.
        total: number of steps.
        leave: keep the line at the end.
        file: stream to write to, `sys.stdout` by default.
        mininterval: seconds between redraws.
        disable: show nothing; by default as the module docstring says.
        unit: what a step is called; `B` and `bytes` count bytes in multiples of 1024.
        unit_scale: shorten large numbers (12.3K).
        unit_divisor: 1000 or 1024.
        bar_format: accepted, not used.
        initial: steps already done.
        kwargs: further arguments of the original class, accepted and not used.
    """

    NONINTERACTIVE_MIN_INTERVAL = 60.0

    def __init__(
        self,
        iterable: Iterable | None = None,
        desc: str | None = None,
        total: int | None = None,
        leave: bool = True,
        file: TextIO | None = None,
        mininterval: float = 0.1,
        disable: bool | None = None,
        unit: str = "it",
        unit_scale: bool = True,
        unit_divisor: int = 1000,
        bar_format: str | None = None,
        initial: int = 0,
        **kwargs: Any,
    ):
        quiet = not env.verbose() or env.rank() > 0
        self.disable = quiet if disable is None else disable
        self.iterable, self.total = iterable, _length(iterable) if total is None else total
        self.desc, self.leave = desc or "", leave
        self.unit, self.unit_scale = unit, unit_scale
        self.unit_divisor = 1024 if unit in BYTE_UNITS else unit_divisor
        self.initial = self.n = initial
        self.postfix = ""
        self._file = file
        self._interactive = _is_terminal(self.file) and not env.is_github_action_running()
        self.mininterval = mininterval if self._interactive else max(mininterval, self.NONINTERACTIVE_MIN_INTERVAL)
        self.start_t = self.last_print_t = time.monotonic()
        self.last_print_n = initial
        self._rate: float | None = None
        self._width = 0
        self._closed = False
        if not self.disable and self._interactive:
            self._draw()

    @property
    def file(self) -> TextIO:
        """Stream that receives the bar."""
        return self._file or sys.stdout

    def __len__(self) -> int:
        return self.total or 0

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        if self.iterable is None:
            raise TypeError("this progress bar has no iterable; pass one to loop over, or call update(n) by hand.")
        with self:
            for step in self.iterable:
                yield step
                self.update()

    def __enter__(self) -> TQDM:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def update(self, n: float = 1) -> None:
        """Count `n` more steps and redraw when it is time."""
        self.n += n
        if self.disable or self._closed:
            return
        now = time.monotonic()
        if now - self.last_print_t >= self.mininterval:
            self._measure(now)
            self._draw()

    def set_description(self, desc: str | None = None, refresh: bool = True) -> None:
        """Change the text before the bar; it shows at the next redraw."""
        self.desc = desc or ""

    def set_postfix(self, **kwargs: Any) -> None:
        """Show `key=value` pairs after the bar."""
        self.postfix = ", ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in kwargs.items())

    def refresh(self) -> None:
        """Redraw now."""
        if not self.disable and not self._closed:
            self._draw()

    def clear(self) -> None:
        """Wipe the line, so that other text can be printed in its place."""
        if not self.disable and self._interactive:
            self._write("\r" + " " * self._width + "\r")
            self._width = 0

    def reset(self, total: int | None = None) -> None:
        """Start counting again, optionally to a new total."""
        self.n = self.last_print_n = self.initial
        self.total = total if total is not None else self.total
        self.start_t = self.last_print_t = time.monotonic()
        self._rate, self._closed = None, False

    def close(self) -> None:
        """Draw the final state, or wipe it when `leave` is off; later calls do nothing."""
        if self._closed or self.disable:
            self._closed = True
            return
        if self.leave:
            elapsed = time.monotonic() - self.start_t
            self._rate = (self.n - self.initial) / elapsed if elapsed > 0 else None
            self._draw(final=True)
        else:
            self.clear()
        self._closed = True

    @staticmethod
    def write(s: str, file: TextIO | None = None, end: str = "\n") -> None:
        """Print a line."""
        print(s, file=file or sys.stdout, end=end)

    def _measure(self, now: float) -> None:
        """Blend the rate of the last interval into the shown one."""
        newest = (self.n - self.last_print_n) / max(now - self.last_print_t, 1e-9)
        self._rate = newest if self._rate is None else SMOOTHING * newest + (1 - SMOOTHING) * self._rate
        self.last_print_t, self.last_print_n = now, self.n

    def _draw(self, final: bool = False) -> None:
        text = console_text(self.describe()).replace("\n", "\\n")  # descriptions name files
        if not self._interactive:
            self._write(text + "\n")
            return
        columns = shutil.get_terminal_size().columns
        text = text if final or len(text) < columns else text[: columns - 1]
        self._write("\r" + text.ljust(self._width) + ("\n" if final else ""))
        self._width = len(text)

    def _write(self, text: str) -> None:
        try:
            encoding = getattr(self.file, "encoding", None) or "utf-8"
            self.file.write(text.encode(encoding, "replace").decode(encoding))
            self.file.flush()
        except (OSError, ValueError):  # the stream was closed under us: progress is not worth an error
            self.disable = True

    def describe(self) -> str:
        """Return the line as it stands: `train: 45% ━━━━━─────── 45/100 3.2it/s 14s<17s`."""
        title = f"{self.desc}:" if self.desc and not self.desc.endswith((":", " ")) else self.desc.rstrip()
        done = self._count(self.n)
        if self.total:
            share = min(max(self.n / self.total, 0.0), 1.0)
            full = round(share * BAR_WIDTH)
            done = f"{share:.0%} {'━' * full}{'─' * (BAR_WIDTH - full)} {done}/{self._count(self.total)}"
        rate = f"{self._count(self._rate or 0, rate=True)}/s" if (self._rate or 1) >= 1 else f"{1 / self._rate:.1f}s/it"
        clock = _clock(time.monotonic() - self.start_t)
        if self.total and self._rate and self.n < self.total:
            clock += f"<{_clock((self.total - self.n) / self._rate)}"
        return " ".join(part for part in (title, done, rate if self._rate else "", clock, self.postfix) if part)

    def _count(self, value: float, rate: bool = False) -> str:
        """Write a number with the unit's prefix: `950`, `12.3K`, `1.5MB`."""
        counts_bytes = self.unit in BYTE_UNITS
        unit = "B" if counts_bytes else self.unit if rate else ""
        prefixes = ["", "K", "M", "G", "T"] if self.unit_scale or counts_bytes else [""]
        value = float(value)
        while value >= self.unit_divisor and len(prefixes) > 1:
            value /= self.unit_divisor
            prefixes.pop(0)
        return (f"{value:.1f}" if prefixes[0] or rate else f"{value:g}") + prefixes[0] + unit


def _length(iterable: Iterable | None) -> int | None:
    try:
        return len(iterable)  # type: ignore[arg-type]
    except TypeError:
        return None


def _clock(seconds: float) -> str:
    """Write a duration: `3.2s`, `45s`, `2:05`, `1:02:03`."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    if not minutes:
        return f"{rest}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
