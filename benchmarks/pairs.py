"""Two interpreters that do the same work in turns, for the benchmarks that compare this package with another one.

Each side is a process that prepares once and then answers one request after the other with the seconds it took. Rounds
alternate between the sides and their order changes, so that a slow moment of the machine hits both; what counts is the
median of the ratios of neighbours.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["Side", "answer", "compare", "conclude"]

ROOT = Path(__file__).resolve().parents[1]
# `thread` is the processor time of the calling thread alone: what a call takes where other cores do the rest beside it.
CLOCKS = {"cpu": time.process_time, "thread": time.thread_time, "wall": time.perf_counter}


def answer(prepare: Callable[[dict[str, Any], str], Callable[[], Any]]) -> None:
    """Serve requests in a child process: every line is settings and a case; the answer is seconds, or an error.

    Args:
        prepare: makes the work for (settings, case); called once per case, with the settings of the first line. Work
            that returns a float has taken its own time.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a package prints must not mix with the answers
    works: dict[str, Callable[[], Any]] = {}
    for line in sys.stdin:
        settings, case = json.loads(line)
        clock = CLOCKS[settings["clock"]]
        try:
            if case not in works:
                works.clear()  # one network in memory at a time
                works[case] = prepare(settings, case)
                works[case]()
            start = clock()
            told = works[case]()
            reply: Any = told if isinstance(told, float) else clock() - start
        except Exception as error:  # the other package may not know a case
            reply = f"{type(error).__name__}: {error}"
        print(json.dumps(reply), file=answers, flush=True)


class Side:
    """One of the two processes.

    Args:
        script: script to run with `--child`.
        python: interpreter; this one, with this tree's package, when None.
    """

    def __init__(self, script: str, python: str | None):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)} if python is None else dict(os.environ)
        if python is not None:
            environment.pop("PYTHONPATH", None)
        command = [python or sys.executable, str(Path(script).resolve()), "--child"]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def seconds(self, settings: dict[str, Any], case: str) -> float:
        """Return how long a case took.

        Raises:
            RuntimeError: it failed.
        """
        self.process.stdin.write(json.dumps([settings, case]) + "\n")
        self.process.stdin.flush()
        reply = json.loads(self.process.stdout.readline() or '"the process ended"')
        if isinstance(reply, str):
            raise RuntimeError(reply)
        return reply

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


def compare(script: str, other: str | None, cases: list[str], settings: dict[str, Any], rounds: int) -> dict[str, Any]:
    """Print and return, per case, both medians in milliseconds and the median ratio, this package over the other."""
    sides = [Side(script, None), *([Side(script, other)] if other else [])]
    found = {}
    print(f"{'case':<18}{'here, ms':>12}" + (f"{'other, ms':>12}{'ratio':>9}" if other else ""))
    for case in cases:
        times: list[list[float]] = [[] for _ in sides]
        try:
            for turn in range(rounds):
                for index in range(len(sides))[:: -1 if turn % 2 else 1]:
                    times[index].append(sides[index].seconds(settings, case) * 1e3)
        except RuntimeError as error:
            print(f"{case:<18}{error}")
            continue
        row = {"here": statistics.median(times[0])}
        if other:
            row |= {"other": statistics.median(times[1])}
            row |= {"ratio": statistics.median(a / b for a, b in zip(*times, strict=True))}
        found[case] = row
        shown = [f"{row[side]:>12.{1 if row[side] >= 10 else 2}f}" for side in ("here", "other") if side in row]
        numbers = "".join(shown) + (f"{row['ratio']:>9.3f}" if other else "")
        print(f"{case:<18}{numbers}", flush=True)
    for side in sides:
        side.close()
    return found


def conclude(found: Mapping[str, Mapping[str, float]], file: str | None, judged: bool, bar: float = 1.05) -> None:
    """Write the figures of `compare` to a file, if given, and end with an error where a ratio is above the bar."""
    if file:
        Path(file).write_text(json.dumps(found, indent=1))
    if judged and any(row["ratio"] > bar for row in found.values()):
        sys.exit("slower than the other package")
