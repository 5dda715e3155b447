"""Plugin for pytest: writes each test's outcome into a journal, and ends tests that take too long.

The journal (`UPSTREAM_JOURNAL`) is one JSON object a line, so that it can be read while the run goes on, and after the
process has died in the middle of a test.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

LIMIT = float(os.environ.get("UPSTREAM_LIMIT", "120"))
JOURNAL = Path(os.environ["UPSTREAM_JOURNAL"])
REFUSED = Path(os.environ.get("UPSTREAM_REFUSED", os.devnull))


def write(**row: Any) -> None:
    with JOURNAL.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def refusals() -> int:
    return len(REFUSED.read_bytes().splitlines()) if REFUSED.is_file() else 0


def ring(*_: Any) -> None:
    raise TimeoutError(f"time limit of {LIMIT:g} s")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    write(test=item.nodeid, when="begin", refused=refusals())
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, LIMIT)
    try:
        return (yield)
    finally:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
        write(test=item.nodeid, when="end", refused=refusals())


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.outcome == "passed" and report.when != "call":
        return
    if report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2]
    else:
        crash = getattr(report.longrepr, "reprcrash", None)
        reason = getattr(crash, "message", None) or (str(report.longrepr or "").strip().splitlines() or [""])[-1]
    expected = hasattr(report, "wasxfail")
    write(test=report.nodeid, when=report.when, outcome="xfailed" if expected else report.outcome, reason=reason[:600])


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:
        lines = [line for line in str(report.longrepr).splitlines() if line.startswith("E ")]
        write(test=report.nodeid, when="collect", outcome="failed", reason=(lines or [str(report.longrepr)])[-1][:600])
    elif report.skipped:
        write(test=report.nodeid, when="collect", outcome="skipped", reason=str(report.longrepr)[:600])
