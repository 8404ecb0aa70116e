"""A mail server on this machine that keeps what it is given and refuses what it is told to."""

from __future__ import annotations

import email
import email.policy
import socket
from collections.abc import Callable
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class Sink:
    """`received` holds (recipient, message); `refusals` maps a recipient to the answer it gets."""

    def __init__(self) -> None:
        self.received: list[tuple[str, EmailMessage]] = []
        self.refusals: dict[str, str] = {}
        self.after_data: Callable[[], None] | None = None
        self.connections: set[tuple[str, int]] = set()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.connections.add(session.peer)
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        message = email.message_from_bytes(envelope.content or b"", policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.received.extend((recipient, message) for recipient in envelope.rcpt_tos)
        if self.after_data is not None:
            self.after_data()
        return "250 OK"

    @property
    def recipients(self) -> list[str]:
        return [recipient for recipient, _message in self.received]


class SinkServer:
    """Runs a sink on a free port for a `with` block."""

    def __init__(self) -> None:
        self.sink = Sink()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._controller = Controller(self.sink, hostname="127.0.0.1", port=self.port, ready_timeout=10)

    def __enter__(self) -> SinkServer:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()
