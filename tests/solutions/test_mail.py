"""Mails go to a server on this machine by every kind of encryption, and no text holds the password."""

from __future__ import annotations

import copy
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smtp_server import PASSWORD, free_port, smtp_server

from ultralytics.solutions.mail import Attachment, Mailer, MailError, MailLoginError, RetryPause, Secret, mail_account

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # said by the test's server
PICTURE = bytes(range(256)) * 20


def account(inbox, tls, password=PASSWORD, **more):
    return mail_account(
        {}, from_email="cam@example.org", to_email="me@example.org", password=password, host=inbox.host,
        port=inbox.port, tls=tls, context=inbox.context, **more,
    )  # fmt: skip


@pytest.mark.parametrize("tls", ["none", "starttls", "ssl"])
def test_mail_with_a_picture_arrives(tls):
    with smtp_server(tls) as inbox:
        mailer = Mailer(account(inbox, tls))
        mailer.check()
        assert inbox.messages == []
        mailer.send("3 objects\nBcc: all@example.org", "seen", [Attachment("a.jpg", PICTURE)])
    assert set(inbox.logins) == {("cam@example.org", PASSWORD)}
    [message] = inbox.messages
    assert message["From"] == "cam@example.org"
    assert message["To"] == "me@example.org"
    assert message["Subject"] == "3 objects Bcc: all@example.org"
    assert message["Bcc"] is None
    assert message.get_body().get_content().strip() == "seen"
    [picture] = message.iter_attachments()
    assert (picture.get_filename(), picture.get_content_type()) == ("a.jpg", "image/jpeg")
    assert picture.get_content() == PICTURE


def test_several_recipients():
    with smtp_server() as inbox:
        to = ["a@example.org", " b@example.org"]
        Mailer(mail_account({}, from_email="c@example.org", to_email=to, password=PASSWORD, host=inbox.host,
                            port=inbox.port, tls="none")).send("x", "y")  # fmt: skip
    assert inbox.messages[0]["To"] == "a@example.org, b@example.org"


def everything_in(error: BaseException | None) -> str:
    """All that an error holds, with the errors before it."""
    texts = []
    while error is not None:
        texts += [*traceback.format_exception(error), repr(error), repr(error.args), repr(vars(error))]
        error = error.__cause__ or error.__context__
    return "".join(texts)


@pytest.mark.parametrize("wrong", ["falsch-91bc", "fälsch-91bc"])
def test_refused_login_is_told_without_the_password(wrong):
    with smtp_server() as inbox, pytest.raises(MailError) as caught:
        Mailer(account(inbox, "none", password=wrong)).check()
    assert f"{inbox.host}:{inbox.port}" in str(caught.value)
    assert isinstance(caught.value, MailLoginError) == wrong.isascii()
    assert "lsch-91bc" not in everything_in(caught.value)


def test_unknown_certificates_are_refused():
    with smtp_server("ssl") as inbox:
        inbox.context = None
        with pytest.raises(MailError, match=r"(?i)certificate"):
            Mailer(account(inbox, "ssl")).check()
    assert inbox.logins == []


def test_server_without_encryption_gets_no_password():
    with smtp_server("none") as inbox, pytest.raises(MailError, match="STARTTLS"):
        Mailer(account(inbox, "starttls")).check()
    assert inbox.logins == []


def test_no_server():
    with pytest.raises(MailError, match="refused"):
        nobody = mail_account({}, from_email="a@b.c", to_email="a@b.c", host="127.0.0.1", port=free_port(), tls="none")
        Mailer(nobody).check()


def test_secrets_are_not_shown():
    made = mail_account({}, from_email="a@b.c", to_email="d@e.f", password="hidden-5")
    shown = [repr(made), str(made), repr(Mailer(made)), repr(made.password), f"{made.password}", repr(vars(made))]
    assert "hidden-5" not in "".join(shown)
    assert copy.copy(made).password.reveal() == "hidden-5"
    with pytest.raises(TypeError, match="environment"):
        pickle.dumps(made)
    assert not Secret("")


def test_environment_fills_what_is_not_given():
    environ = {
        "YOLO_SMTP_FROM": "cam@example.org", "YOLO_SMTP_TO": "a@example.org, b@example.org",
        "YOLO_SMTP_PASSWORD": "p", "YOLO_SMTP_HOST": "mail.example.org", "YOLO_SMTP_PORT": "465",
    }  # fmt: skip
    made = mail_account(environ)
    assert (made.sender, made.recipients) == ("cam@example.org", ("a@example.org", "b@example.org"))
    assert (made.host, made.port, made.tls, made.user) == ("mail.example.org", 465, "ssl", "cam@example.org")
    assert mail_account(environ, host="other.example.org", port=2525).place == "other.example.org:2525"
    plain = mail_account({}, from_email="a@b.c", to_email="a@b.c")
    assert (plain.place, plain.tls) == ("smtp.gmail.com:587", "starttls")


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"from_email": "nobody"}, "from_email='nobody'"),
        ({"from_email": "a@b.c\nBcc: x@y.z"}, "from_email"),
        ({"to_email": None}, "to_email is missing.*YOLO_SMTP_TO"),
        ({"port": "smtp"}, "port='smtp'.*65535"),
        ({"port": 0}, "port=0"),
        ({"tls": "sll"}, "tls='sll'.*starttls, ssl, none"),
        ({"host": "http://mail/"}, "host='http://mail/'"),
    ],
)
def test_wrong_settings_are_named(wrong, text):
    with pytest.raises(ValueError, match=text):
        mail_account({}, **({"from_email": "a@b.c", "to_email": "a@b.c"} | wrong))


def test_unencrypted_passwords_are_warned_of(capsys):
    for host in ("127.0.0.1", "mail.example.org"):
        mail_account({}, from_email="a@b.c", to_email="a@b.c", password="hidden-5", tls="none", host=host)
    said = capsys.readouterr().out
    assert (said.count("unencrypted"), said.count("mail.example.org:25")) == (1, 1)
    assert "hidden-5" not in said


@given(first=st.floats(0.1, 10), longest=st.floats(10, 1e4), failures=st.integers(1, 60))
def test_pauses_grow_to_the_longest(first, longest, failures):
    pause, now, seconds = RetryPause(first, longest), 0.0, []
    for _ in range(failures):
        assert pause.over(now)
        seconds.append(pause.failed(now))
        assert not pause.over(now)
        now += seconds[-1] * 1.01
    assert seconds == sorted(seconds)
    assert seconds[0] == first
    assert max(seconds) <= longest
    pause.succeeded()
    assert pause.over(now)
    assert pause.failed(now) == first
