"""Handing one finished mail over: to the mail server of `EMAIL_URL`, or into the built-in mailbox.

A transport keeps its connection for as long as its `with` block. What goes wrong comes in three kinds, because they
call for three reactions: this address is bad (`AddressRefused`), this mail is refused for now or for good
(`MailRefused`), the server cannot be reached (`ServerUnavailable`: nothing is wrong with the mail).
"""

from __future__ import annotations

import contextlib
import re
import smtplib
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Final, Self

from django.conf import settings
from django.core.mail.backends.smtp import EmailBackend

from apps.dispatch import mailbox
from apps.dispatch.rendering import Rendered, ascii_address, message_bytes

_ENHANCED: Final = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_ADDRESS_CODES: Final = frozenset({550, 551, 553})


class TransportError(Exception):
    """A mail was not handed over. `code` is short and safe to store: it holds no address."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class AddressRefused(TransportError):
    """The server says for good that there is no such mailbox."""


class MailRefused(TransportError):
    """The server did not take this mail; `temporary` says whether trying again may help."""

    def __init__(self, code: str, *, temporary: bool) -> None:
        super().__init__(code)
        self.temporary = temporary


class ServerUnavailable(TransportError):
    """No connection, or it broke: every other mail would fail as well."""


class Transport(ABC):
    """A way for mail to leave."""

    is_transactional = False
    """Whether handing over happens in the database, and thus together with the caller's transaction or not at all."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End what is open; nothing is, unless a transport says otherwise."""
        return

    @abstractmethod
    def send(
        self,
        rendered: Rendered,
        *,
        sender: str,
        recipient: str,
        message_id: str,
        headers: dict[str, str],
        reply_to: str = "",
    ) -> None:
        """Hand one mail over; when this returns, the other side has taken it. Raises `TransportError`."""


class MailboxTransport(Transport):
    """Into the built-in mailbox, in the caller's transaction."""

    is_transactional = True

    def send(
        self,
        rendered: Rendered,
        *,
        sender: str,
        recipient: str,
        message_id: str,
        headers: dict[str, str],
        reply_to: str = "",
    ) -> None:
        everything = {"From": sender, "Message-ID": message_id, **headers}
        if reply_to:
            everything["Reply-To"] = reply_to
        mailbox.keep(to=recipient, subject=rendered.subject, html=rendered.html, text=rendered.text, headers=everything)


class SmtpTransport(Transport):
    """To the mail server, over one connection for as many mails as are sent within the `with` block."""

    def __init__(self) -> None:
        self._connection: smtplib.SMTP | None = None

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                connection.quit()

    def send(
        self,
        rendered: Rendered,
        *,
        sender: str,
        recipient: str,
        message_id: str,
        headers: dict[str, str],
        reply_to: str = "",
    ) -> None:
        try:
            recipient = ascii_address(recipient)
        except UnicodeError:
            raise AddressRefused("address_not_ascii") from None
        raw = message_bytes(
            rendered, sender=sender, recipient=recipient, message_id=message_id, headers=headers, reply_to=reply_to
        )
        connection = self._open()
        try:
            connection.sendmail(settings.DEFAULT_FROM_EMAIL, [recipient], raw)
        except smtplib.SMTPRecipientsRefused as refused:
            code, answer = next(iter(refused.recipients.values()))
            raise _refusal(code, answer, of_address=True) from None
        except smtplib.SMTPSenderRefused as refused:
            raise _refusal(refused.smtp_code, refused.smtp_error, of_address=False) from None
        except smtplib.SMTPDataError as refused:
            raise _refusal(refused.smtp_code, refused.smtp_error, of_address=False) from None
        except (smtplib.SMTPException, OSError) as broken:
            self._connection = None
            raise ServerUnavailable(type(broken).__name__) from None

    def _open(self) -> smtplib.SMTP:
        if self._connection is not None:
            return self._connection
        backend = EmailBackend()
        try:
            backend.open()
        except (smtplib.SMTPException, OSError) as broken:
            raise ServerUnavailable(type(broken).__name__) from None
        if backend.connection is None:
            raise ServerUnavailable("no_connection")
        self._connection = backend.connection
        return backend.connection


def open_transport() -> Transport:
    """The way mail leaves this installation."""
    return SmtpTransport() if settings.EMAIL_URL_IS_SET else MailboxTransport()


def _refusal(code: int, answer: bytes | str, *, of_address: bool) -> TransportError:
    """What a refusing answer of the server means (RFC 5321 reply codes, RFC 3463 enhanced codes).

    Only class 5.1 ("addressing") speaks of the address; a 550 for policy or reputation is 5.7 and suppresses nobody.
    """
    if code == 421:
        return ServerUnavailable("smtp_421")
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    enhanced = _ENHANCED.search(text)
    label = f"smtp_{code}" + (f"_{enhanced.group()}" if enhanced else "")
    if code >= 500 and of_address and (enhanced.group(2) == "1" if enhanced else code in _ADDRESS_CODES):
        return AddressRefused(label)
    return MailRefused(label, temporary=code < 500)
