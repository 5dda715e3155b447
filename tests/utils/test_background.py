"""Work in threads beside the caller's."""

from __future__ import annotations

import threading
import time

import pytest

from ultralytics.utils.background import WAITING, Background


def test_pieces_of_a_lane_keep_their_order():
    done, background = {"a": [], "b": []}, Background(threads=3)
    for i in range(40):
        lane = "ab"[i % 2]
        background.submit(lane, lambda lane=lane, i=i: (time.sleep(0.001 * (i % 3)), done[lane].append(i)))
    background.close()
    assert done == {"a": list(range(0, 40, 2)), "b": list(range(1, 40, 2))}


def test_few_pieces_wait():
    background, gate, begun = Background(threads=1), threading.Event(), []
    for i in range(WAITING):
        background.submit("lane", lambda i=i: (gate.wait(10), begun.append(i)))
    adding = threading.Thread(target=background.submit, args=("lane", lambda: begun.append("last")))
    adding.start()
    adding.join(0.05)
    assert adding.is_alive() and not begun, "the caller waits while so many pieces do"
    gate.set()
    adding.join(10)
    background.close()
    assert begun == [*range(WAITING), "last"]


def test_the_first_error_is_raised_once_and_the_rest_is_done():
    background, done = Background(threads=1), []

    def fail(text):
        raise OSError(text)

    gate = threading.Event()
    background.submit("lane", lambda: (gate.wait(10), fail("first")))
    background.submit("lane", lambda: fail("second"))
    gate.set()
    while not background._waiting[-1].done():
        time.sleep(0.001)
    with pytest.raises(OSError, match="first"):
        background.submit("lane", lambda: done.append(1))
    background.submit("lane", lambda: done.append(2))
    background.close()
    assert done == [1, 2]


def test_an_interrupt_while_closing_gives_up_what_has_not_begun(monkeypatch):
    background, done, gate = Background(threads=1), [], threading.Event()
    background.submit("lane", lambda: (done.append(1), gate.wait(10)))
    background.submit("lane", lambda: done.append(2))
    while not done:
        time.sleep(0.001)

    def interrupted():
        threading.Timer(0.05, gate.set).start()
        raise KeyboardInterrupt

    monkeypatch.setattr(background, "_collect", interrupted)
    with pytest.raises(KeyboardInterrupt):
        background.close()
    assert done == [1]
