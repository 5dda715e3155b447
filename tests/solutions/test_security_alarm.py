"""The alarm sends one mail when enough is seen, and goes on trying where a server fails."""

from __future__ import annotations

import logging

import cv2
import numpy as np
import pytest
from smtp_server import PASSWORD, free_port, smtp_server
from solutions_helpers import FakeModel, frame, row

from ultralytics.solutions import SecurityAlarm, security_alarm
from ultralytics.solutions.mail import MailLoginError
from ultralytics.utils.log import LOGGER

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # said by the test's server
TWO, THREE = ([row(40 + 50 * i, 60, i) for i in range(n)] for n in (2, 3))


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    for name in ("FROM", "TO", "PASSWORD", "USER", "HOST", "PORT", "TLS"):
        monkeypatch.delenv(f"YOLO_SMTP_{name}", raising=False)


@pytest.fixture
def log(caplog):
    LOGGER.addHandler(caplog.handler)
    caplog.set_level(logging.DEBUG)
    yield caplog
    LOGGER.removeHandler(caplog.handler)
    assert PASSWORD not in caplog.text


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set."""

    class Clock:
        now = 1000.0

    monkeypatch.setattr(security_alarm.time, "monotonic", lambda: Clock.now)
    return Clock


def alarm(*frames, records=3, **kwargs):
    return SecurityAlarm(model=FakeModel(frames), records=records, verbose=False, **kwargs)


def authenticate(made, inbox, **more):
    made.authenticate(
        "cam@example.org", PASSWORD, "me@example.org",
        **{"host": inbox.host, "port": inbox.port, "tls": "none", "context": inbox.context, **more},
    )  # fmt: skip


@pytest.mark.parametrize("tls", ["none", "starttls", "ssl"])
def test_one_mail_when_enough_is_seen(tls):
    with smtp_server(tls) as inbox:
        made = alarm(TWO, THREE, TWO, THREE)
        authenticate(made, inbox, tls=tls)
        results = [made(frame()) for _ in range(4)]
    assert [result.email_sent for result in results] == [False, True, True, True]
    assert [result.total_tracks for result in results] == [2, 3, 2, 3]
    [message] = inbox.messages
    assert message["Subject"] == "Security alarm: 3 objects"
    [picture] = message.iter_attachments()
    sent = cv2.imdecode(np.frombuffer(picture.get_content(), np.uint8), cv2.IMREAD_COLOR)
    assert sent.shape == results[1].plot_im.shape
    assert np.abs(sent.astype(int) - results[1].plot_im).mean() < 6  # the picture with its boxes
    assert np.abs(sent.astype(int) - frame()).mean() > 6


def test_another_mail_when_it_is_wanted():
    with smtp_server() as inbox:
        made = alarm(THREE, THREE)
        authenticate(made, inbox)
        made(frame())
        made.email_sent = False
        made(frame())
    assert len(inbox.messages) == 2


def test_failing_server_is_tried_again_after_growing_pauses(log, clock):
    port = free_port()
    made = alarm(*[THREE] * 8)
    made.authenticate("cam@example.org", PASSWORD, "me@example.org", host="127.0.0.1", port=port, tls="none")
    assert "no mail can be sent now" in log.text  # and no error
    log.clear()
    times = [0, 1, 5.1, 14, 15.2, 16]  # pauses of 5, 10 and 20 seconds
    for now in times:
        clock.now = 1000 + now
        assert not made(frame()).email_sent
    assert [record.message.count("not sent") for record in log.records].count(1) == 3
    with smtp_server(port=port) as inbox:
        assert not made(frame()).email_sent  # the pause is still on
        clock.now = 1036
        assert made(frame()).email_sent
    assert len(inbox.messages) == 1


def test_refused_login_is_an_error_at_once():
    with smtp_server() as inbox:
        made = alarm()
        with pytest.raises(MailLoginError, match="refuses user name or password"):
            made.authenticate("cam@example.org", "other", "me@example.org", inbox.host, inbox.port, "none")
    assert made.mailer is None


def test_environment_is_enough(monkeypatch, log):
    with smtp_server() as inbox:
        settings = {"FROM": "cam@example.org", "TO": "me@example.org", "PASSWORD": PASSWORD, "TLS": "none"}
        for name, value in (settings | {"HOST": inbox.host, "PORT": str(inbox.port)}).items():
            monkeypatch.setenv(f"YOLO_SMTP_{name}", value)
        made = alarm(THREE)
        assert made(frame()).email_sent
    assert len(inbox.messages) == 1
    assert PASSWORD not in repr(vars(made)) + repr(made.mailer) + str(made.CFG)


def test_alarm_without_an_address_says_so_once(log):
    made = alarm(THREE, THREE)
    assert [made(frame()).email_sent for _ in range(2)] == [False, False]
    assert log.text.count("from_email is missing") == 1


def test_frames_without_objects_are_quiet():
    made = alarm([], records=1)
    result = made(frame())
    assert (result.email_sent, result.total_tracks) == (False, 0)
    assert np.array_equal(result.plot_im, frame())


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="records"):
        alarm(recods=3)
    with pytest.raises(ValueError, match="from_email='cam'"):
        alarm().authenticate("cam", "x", "me@example.org")
