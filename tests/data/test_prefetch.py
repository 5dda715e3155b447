from __future__ import annotations

import threading

import pytest

from ultralytics.data.prefetch import AheadIterator
from ultralytics.utils.background import Background


def test_closing_waits_for_no_thread(monkeypatch):
    """The garbage collector may do it, in a thread that holds what ending threads want."""
    monkeypatch.setattr(threading.Thread, "join", lambda *_: pytest.fail("a thread was waited for"))
    ahead, background, done = AheadIterator(range(5), lambda task: task, 2), Background(1), []
    assert next(ahead) == 0
    background.submit("lane", lambda: done.append(1))
    ahead.close()
    background.close()
    assert done == [1]
