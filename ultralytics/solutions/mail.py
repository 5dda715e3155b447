"""Sending a mail with pictures over SMTP, and how long to wait after a server failed.

The password is kept in a `Secret`, so that no log line, `repr` or error text has it, and the texts of errors are made
here from codes: a server's own sentence may repeat what it was sent.
"""

from __future__ import annotations

import os
import re
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any

from ultralytics.cfg.errors import ConfigValueError
from ultralytics.utils.log import LOGGER
from ultralytics.utils.text import printable

__all__ = ["Attachment", "MailAccount", "MailError", "MailLoginError", "Mailer", "RetryPause", "Secret", "mail_account"]

PORTS = {"starttls": 587, "ssl": 465, "none": 25}  # by TLS mode
DEFAULT_HOST = "smtp.gmail.com"
DEFAULT_TIMEOUT = 10.0  # seconds that a server may stay silent
VARIABLES = {  # of the environment, by argument
    "from_email": "YOLO_SMTP_FROM",
    "to_email": "YOLO_SMTP_TO",
    "password": "YOLO_SMTP_PASSWORD",
    "user": "YOLO_SMTP_USER",
    "host": "YOLO_SMTP_HOST",
    "port": "YOLO_SMTP_PORT",
    "tls": "YOLO_SMTP_TLS",
}
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
ADDRESS = re.compile(r"[^@\s,;<>\x00-\x1f]+@[^@\s,;<>\x00-\x1f]+")


class MailError(OSError):
    """A mail could not be sent; the message names the server and the reason."""


class MailLoginError(MailError):
    """The server refused user name and password, which trying again does not change."""


class Secret:
    """A text that is shown to nobody by accident: `repr`, `str`, copies of records and pickles do not give it away."""

    __slots__ = ("_text",)

    def __init__(self, text: str):
        self._text = text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._text)

    def __reduce__(self) -> Any:
        raise TypeError("a Secret is not pickled; hand the password over by the environment.")

    def reveal(self) -> str:
        """Return the text."""
        return self._text


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a mail.

    Attributes:
        name: file name that the reader sees.
        data: its content.
        kind: MIME type, such as `image/jpeg`.
    """

    name: str
    data: bytes = field(repr=False)
    kind: str = "image/jpeg"


@dataclass(frozen=True)
class MailAccount:
    """Who sends to whom by which server.

    Attributes:
        sender: address that mails come from.
        recipients: addresses that they go to.
        host: name or address of the SMTP server.
        port: its port.
        tls: `starttls` (the connection is encrypted after its start), `ssl` (from the start) or `none`.
        user: name to log in with.
        password: empty for servers that want no login.
        timeout: seconds that the server may stay silent.
        context: trusted certificates, for servers with a certificate of one's own; the system's where None.
    """

    sender: str
    recipients: tuple[str, ...]
    host: str = DEFAULT_HOST
    port: int = PORTS["starttls"]
    tls: str = "starttls"
    user: str = ""
    password: Secret = field(default_factory=lambda: Secret(""), repr=False)
    timeout: float = DEFAULT_TIMEOUT
    context: ssl.SSLContext | None = field(default=None, repr=False)

    @property
    def place(self) -> str:
        """Server and port as texts name them."""
        return f"{printable(self.host, 100)}:{self.port}"


def mail_account(environ: Mapping[str, str] | None = None, **given: Any) -> MailAccount:
    """Return a checked account; what is not given comes from the environment, then from the defaults.

    Args:
        environ: variables to look into (`YOLO_SMTP_FROM`, `_TO`, `_PASSWORD`, `_USER`, `_HOST`, `_PORT`, `_TLS`); those
            of this process where None.
        **given: `from_email`, `to_email` (one, several with commas between, or a list), `password`, `user`, `host`,
            `port`, `tls`, `timeout`, `context`; None means not given.

    Raises:
        ConfigValueError: an address, port or TLS mode that is none; says which and what is allowed.
    """
    environ = os.environ if environ is None else environ
    values = {name: environ.get(variable) for name, variable in VARIABLES.items()}
    values |= {name: value for name, value in given.items() if value is not None}
    sender = _checked_address("from_email", values["from_email"])
    listed = values["to_email"]
    listed = listed.split(",") if isinstance(listed, str) else listed or [None]
    recipients = tuple(_checked_address("to_email", one) for one in listed)
    port = _checked_port(values["port"])
    tls = values["tls"] or ("ssl" if port == PORTS["ssl"] else "starttls")
    if tls not in PORTS:
        raise ConfigValueError(f"tls='{printable(tls, 40)}' is no way of encryption; allowed are {', '.join(PORTS)}.")
    host = values["host"] or DEFAULT_HOST
    if not isinstance(host, str) or not re.fullmatch(r"[\w.:\[\]-]+", host):
        raise ConfigValueError(f"host={printable(repr(host), 100)} is no name or address of a mail server.")
    account = MailAccount(
        sender, recipients, host, port or PORTS[tls], tls,
        user=values["user"] or sender,
        password=Secret(values["password"] or ""),
        timeout=float(values.get("timeout") or DEFAULT_TIMEOUT),
        context=values.get("context"),
    )  # fmt: skip
    if account.password and tls == "none" and host not in LOOPBACK:
        LOGGER.warning(f"the password goes to {account.place} unencrypted, since tls='none'.")
    return account


def _checked_address(name: str, value: Any) -> str:
    """Return a mail address, without the blanks around it."""
    text = value.strip() if isinstance(value, str) else ""
    if not ADDRESS.fullmatch(text):
        shown = f"{name}={printable(repr(value), 100)} is no mail address" if value else f"{name} is missing"
        raise ConfigValueError(f"{shown}; give one such as 'name@example.org', or set {VARIABLES[name]}.")
    return text


def _checked_port(value: Any) -> int | None:
    """Return a port number, None where there is none."""
    if value in (None, ""):
        return None
    if isinstance(value, bool) or not str(value).strip().isdecimal() or not 0 < int(value) < 65536:
        raise ConfigValueError(f"port={printable(repr(value), 40)} is no port; it is a whole number from 1 to 65535.")
    return int(value)


class Mailer:
    """Sends mails by one account, each over a connection of its own: servers close idle ones after minutes.

    Args:
        account: who sends to whom by which server.
    """

    def __init__(self, account: MailAccount):
        self.account = account

    def __repr__(self) -> str:
        return f"Mailer({self.account!r})"

    def check(self) -> None:
        """Connect, log in and leave.

        Raises:
            MailLoginError: the server refuses the login.
            MailError: no such server, no answer, no encryption.
        """
        self._talk(None)

    def send(self, subject: str, text: str, attachments: Sequence[Attachment] = ()) -> None:
        """Send one mail.

        Args:
            subject: its subject, one line.
            text: its plain text.
            attachments: files that go with it.

        Raises:
            MailLoginError: the server refuses the login.
            MailError: it was not sent for another reason.
        """
        self._talk(_message(self.account, subject, text, attachments))

    def _talk(self, message: EmailMessage | None) -> None:
        """Open a connection, log in, send what there is to send; every failure becomes a `MailError`."""
        account, failure = self.account, None
        try:
            with self._connected() as server:
                if account.password:
                    server.login(account.user, account.password.reveal())
                if message is not None:
                    server.send_message(message, account.sender, account.recipients)
        except smtplib.SMTPAuthenticationError as error:
            failure = MailLoginError(f"{account.place} refuses user name or password (code {error.smtp_code})")
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            failure = MailError(f"{account.place}: {_complaint(error)}")
        if failure is not None:  # raised out here, so that it carries no error with what was sent in it
            raise failure

    def _connected(self) -> smtplib.SMTP:
        """Return an open connection, encrypted where it is to be."""
        account = self.account
        if account.tls == "none":
            return smtplib.SMTP(account.host, account.port, timeout=account.timeout)
        context = account.context or ssl.create_default_context()
        if account.tls == "ssl":
            return smtplib.SMTP_SSL(account.host, account.port, timeout=account.timeout, context=context)
        server = smtplib.SMTP(account.host, account.port, timeout=account.timeout)
        try:
            server.starttls(context=context)
        except BaseException:
            server.close()
            raise
        return server


def _message(account: MailAccount, subject: str, text: str, attachments: Sequence[Attachment]) -> EmailMessage:
    message = EmailMessage()
    message["From"] = account.sender
    message["To"] = ", ".join(account.recipients)
    message["Subject"] = " ".join(subject.split())
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = make_msgid(domain=account.sender.rpartition("@")[2])
    message.set_content(text)
    for one in attachments:
        main, _, sub = one.kind.partition("/")
        message.add_attachment(one.data, maintype=main, subtype=sub, filename=one.name)
    return message


def _complaint(error: Exception) -> str:
    """Say why a talk failed, in words that hold nothing of what was sent."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = sorted({code for code, _ in error.recipients.values()})
        return f"it refuses the recipients (code {', '.join(map(str, codes))})"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "it does not offer what is needed, STARTTLS or a login; see the arguments 'tls' and 'password'"
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return "it closed the connection; is the port one for this kind of encryption?"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"it answers with code {error.smtp_code} ({type(error).__name__})"
    if isinstance(error, UnicodeError):
        return "user name, password or host have letters outside ASCII, which a login does not take"
    if isinstance(error, smtplib.SMTPException):
        return type(error).__name__
    if isinstance(error, TimeoutError):
        return "no answer within the time allowed"
    return printable(str(error) or type(error).__name__, 200)


class RetryPause:
    """When to try again what keeps failing: each pause is twice as long as the one before it.

    Args:
        first: seconds after the first failure.
        longest: seconds that no pause exceeds.
    """

    def __init__(self, first: float = 5.0, longest: float = 600.0):
        self.first, self.longest = first, longest
        self.failures = 0
        self.until = float("-inf")

    def over(self, now: float) -> bool:
        """Whether it is time for a trial.

        Args:
            now: seconds of a clock that never goes back.
        """
        return now >= self.until

    def failed(self, now: float) -> float:
        """Note a failure and return how many seconds to wait."""
        seconds = min(self.longest, self.first * 2.0 ** min(self.failures, 30))
        self.failures += 1
        self.until = now + seconds
        return seconds

    def succeeded(self) -> None:
        """Forget the failures."""
        self.failures, self.until = 0, float("-inf")
