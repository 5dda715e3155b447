"""An SMTP server on this machine that keeps what it is sent, for tests of mails."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

PASSWORD = "geheim-7f3a"


@dataclass
class Inbox:
    """What a server took, and how it is reached."""

    host: str
    port: int
    context: ssl.SSLContext | None = None
    messages: list[EmailMessage] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)

    async def handle_DATA(self, server, session, envelope):
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"

    def authenticate(self, server, session, envelope, mechanism, data):
        from aiosmtpd.smtp import AuthResult

        user, password = data.login.decode(), data.password.decode()
        self.logins.append((user, password))
        # The refusal repeats the password, as a careless server may.
        return AuthResult(success=password == PASSWORD, handled=False, message=f"535 no {password}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def smtp_server(tls: str = "none", port: int | None = None) -> Iterator[Inbox]:
    """Run a server that wants a login, by the TLS mode `none`, `starttls` or `ssl`; skip where it cannot run."""
    controllers = pytest.importorskip("aiosmtpd.controller", reason="aiosmtpd, the local SMTP server, is not installed")
    inbox = Inbox("127.0.0.1", port or free_port())
    options = {"authenticator": inbox.authenticate, "auth_required": True, "auth_require_tls": tls == "starttls"}
    if tls != "none":
        trustme = pytest.importorskip("trustme", reason="trustme, which makes certificates, is not installed")
        authority, served = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(served)
        inbox.context = ssl.create_default_context()
        authority.configure_trust(inbox.context)
        options["ssl_context" if tls == "ssl" else "tls_context"] = served
    if tls == "starttls":
        options["require_starttls"] = True
    controller = controllers.Controller(inbox, hostname=inbox.host, port=inbox.port, **options)
    controller.start()
    try:
        yield inbox
    finally:
        controller.stop()
