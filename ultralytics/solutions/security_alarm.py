"""`SecurityAlarm`: one mail with a picture when enough objects are seen."""

from __future__ import annotations

import ssl
import time
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from ultralytics.engine.plots.palette import colors
from ultralytics.solutions.mail import Attachment, Mailer, MailError, MailLoginError, RetryPause, mail_account
from ultralytics.solutions.results import SolutionResults
from ultralytics.solutions.solutions import BaseSolution
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER

__all__ = ["SecurityAlarm"]


class SecurityAlarm(BaseSolution):
    """Sends one mail when a frame has `records` objects or more.

    Where the server fails, a warning says why, and the next alarm tries again, after a pause that grows. A mail is sent
    between two frames, which wait for it, for `timeout` seconds at most.

    Args:
        **kwargs: arguments of `SolutionConfig`, `records` among them.

    Attributes:
        email_sent: whether the mail is out; set it to False to have another one sent.
        records: how many objects make an alarm.
        mailer: what sends the mail; None before `authenticate`, and where nothing says who is to get one.
        pause: when to try again after a failure.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.email_sent = False
        self.records: int = self.CFG["records"]
        self.mailer: Mailer | None = None
        self.pause = RetryPause()

    def authenticate(
        self,
        from_email: str | None = None,
        password: str | None = None,
        to_email: str | Sequence[str] | None = None,
        host: str | None = None,
        port: int | None = None,
        tls: str | None = None,
        user: str | None = None,
        timeout: float | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """Say who sends to whom by which server, and try the login.

        What is not given comes from the environment: `YOLO_SMTP_FROM`, `YOLO_SMTP_PASSWORD`, `YOLO_SMTP_TO`,
        `YOLO_SMTP_HOST`, `YOLO_SMTP_PORT`, `YOLO_SMTP_TLS`, `YOLO_SMTP_USER`. The password is kept out of logs, errors
        and `repr`. A server that does not answer now is a warning: it may answer when there is an alarm.

        Args:
            from_email: address that the mail comes from.
            password: empty for servers that want no login. Gmail wants one made for this application alone.
            to_email: address that it goes to, several with commas between, or a list.
            host: the mail server, Gmail's by default.
            port: its port; that of `tls` by default (587, 465, 25).
            tls: `starttls` (encrypted after the start), `ssl` (from the start, the default for port 465) or `none`.
            user: name to log in with; `from_email` by default.
            timeout: seconds that the server may stay silent, 10 by default.
            context: trusted certificates, for a server with one of one's own.

        Raises:
            ValueError: an address, port or kind of encryption that is none.
            MailLoginError: the server refuses user name and password.
        """
        account = mail_account(
            from_email=from_email, password=password, to_email=to_email, host=host, port=port, tls=tls, user=user,
            timeout=timeout, context=context,
        )  # fmt: skip
        mailer = Mailer(account)
        try:
            mailer.check()
        except MailLoginError:
            raise
        except MailError as error:
            LOGGER.warning(f"no mail can be sent now: {error}.")
        self.mailer, self.pause = mailer, RetryPause()

    def send_email(self, im0: np.ndarray, records: int = 5) -> bool:
        """Send the mail, unless a pause after a failure is still on.

        Args:
            im0: (H, W, 3) BGR picture that goes with it.
            records: how many objects it is about.

        Returns:
            Whether it was sent; a warning says why not.
        """
        mailer, now = self._ready_mailer(), time.monotonic()
        if mailer is None or not self.pause.over(now):
            return False
        good, data = cv2.imencode(".jpg", im0)
        pictures = [Attachment("alarm.jpg", data.tobytes())] if good else []
        things = f"{records} object{'s' * (records != 1)}"
        text = f"{things} in the picture of {time.strftime('%Y-%m-%d %H:%M:%S %z')}.\n"
        try:
            mailer.send(f"Security alarm: {things}", text, pictures)
        except MailError as error:
            seconds = self.pause.failed(time.monotonic())
            LOGGER.warning(f"alarm mail not sent: {error}. The next trial is in {seconds:.0f} s at the earliest.")
            return False
        self.pause.succeeded()
        LOGGER.info(f"Alarm mail sent to {', '.join(mailer.account.recipients)}.")
        return True

    def process(self, im0: np.ndarray) -> SolutionResults:
        """Draw the objects of a frame, and send the mail where there are enough.

        Args:
            im0: (H, W, 3) BGR frame, drawn on.

        Returns:
            `plot_im`, `total_tracks` and `email_sent`.
        """
        self.extract_tracks(im0)
        annotator = self.draw_on(im0)
        for box, cls, track, conf in zip(self.boxes, self.clss, self.track_ids, self.confs, strict=True):
            annotator.box_label(box, self.adjust_box_label(cls, conf, track) or "", color=colors(cls, True))
        picture = annotator.result()
        if len(self.clss) >= self.records and not self.email_sent:
            self.email_sent = self.send_email(picture, len(self.clss))
        self.display_output(picture)
        return SolutionResults(plot_im=picture, total_tracks=len(self.track_ids), email_sent=self.email_sent)

    def _ready_mailer(self) -> Mailer | None:
        """Return what sends mails, made from the environment where `authenticate` was not called."""
        if self.mailer is None and self._once("mail"):
            try:
                self.mailer = Mailer(mail_account())
            except ValueError as error:
                LOGGER.warning(f"there is an alarm, and no mail can be sent: {error} Or call 'authenticate'.")
        return self.mailer


__getattr__, __dir__ = offer(__name__)
