"""Bytes built once: the same message as the standard library would read from the slow way; and SMTP in two trips."""

from __future__ import annotations

import email
import email.policy
import smtplib
import socket
import threading
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.dispatch.rendering import CompiledMail, Recipient, message_bytes
from apps.dispatch.smtp_pipeline import hand_over
from apps.dispatch.wire import END_OF_DATA, WireMail, wire_mail, with_end

SENDER = "Nordwind <no-reply@nordwind.example>"


def received(data: bytes) -> EmailMessage:
    """What a server makes of the bytes after its 354 (RFC 5321, 4.5.2)."""
    assert data.endswith(b"\r\n" + END_OF_DATA)
    lines = data[: -len(END_OF_DATA)].split(b"\r\n")
    assert all(b"\r" not in line and b"\n" not in line for line in lines)
    assert b"." not in lines, "the message would end there"
    body = b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)
    message = email.message_from_bytes(body, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def texts(message: EmailMessage) -> list[str]:
    return [part.get_content().replace("\r\n", "\n") for part in message.iter_parts()]  # type: ignore[attr-defined]


words = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"), include_characters="\n. ="), max_size=300
).filter(lambda text: "\x85" not in text)


@settings(deadline=None, max_examples=200)
@given(
    parts=st.lists(words, min_size=3, max_size=3), name=st.text(st.characters(categories=("L", "P", "Zs")), max_size=40)
)
def test_filled_bytes_read_like_the_mail_that_is_encoded_whole(parts: list[str], name: str) -> None:
    compiled = CompiledMail(
        language="en",
        subject="Grüße, one question",
        html=(parts[0], "link", parts[1], "greeting", parts[2] + "\n"),
        text=(parts[2], "greeting", parts[0], "link", parts[1] + "\n"),
    )
    recipient = Recipient(link="https://cxm.example/r/abc.def=&x<y/", name=name)
    wire = wire_mail(compiled, sender=SENDER, reply_to="service@nordwind.example")
    assert wire is not None
    headers = {"List-Unsubscribe": "<https://cxm.example/r/abc/stop/>", "Content-Language": "en"}
    data = wire.fill(recipient, to="lena@example.com", message_id="<1@cxm.example>", headers=headers)
    slow = message_bytes(
        compiled.render(recipient), sender=SENDER, recipient="lena@example.com", message_id="<1@cxm.example>",
        headers=headers, reply_to="service@nordwind.example",
    )  # fmt: skip
    fast, whole = received(data), received(with_end(slow))
    assert texts(fast) == texts(whole)
    for header in ("From", "To", "Subject", "Message-ID", "Reply-To", "List-Unsubscribe", "Content-Language"):
        assert fast[header] == whole[header]
    assert all(len(line) <= 78 for line in data.partition(b"\r\n\r\n")[2].split(b"\r\n"))


def test_mail_that_differs_in_more_than_link_and_greeting_is_not_built_once() -> None:
    liquid = CompiledMail("en", "s", ("a", "subject", "b"), ("a",), own={"subject": "{{ customer.name }}"})
    assert wire_mail(liquid, sender=SENDER) is None
    with pytest.raises(ValueError, match="hole"):
        WireMail(CompiledMail("en", "s", ("a", "other", "b"), ("a",)), sender=SENDER)


def test_header_cannot_be_smuggled_in() -> None:
    wire = WireMail(CompiledMail("en", "s", ("a\n",), ("a\n",)), sender=SENDER)
    recipient = Recipient(link="x", name="Lena\r\nBcc: all@example.com")
    headers = {"Content-Language": "en\r\nBcc: all@example.com"}
    data = wire.fill(recipient, to="lena@example.com", message_id="<1@x>\r\nBcc: a@b", headers=headers)
    assert received(data)["Bcc"] is None


class ScriptedServer:
    """An SMTP server that says what it is told to and notes how many writes it read."""

    def __init__(self, answers: dict[str, str], *, pipelining: bool) -> None:
        self.answers, self.pipelining = answers, pipelining
        self.commands: list[str] = []
        self.chunks = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        connection, _peer = self._socket.accept()
        with connection:
            connection.sendall(b"220 hello\r\n")
            rest, in_data = b"", False
            while chunk := connection.recv(65536):
                self.chunks += 1
                rest += chunk
                while b"\r\n" in rest:
                    line, _sep, rest = rest.partition(b"\r\n")
                    if in_data:
                        if line == b".":
                            in_data = False
                            connection.sendall(f"{self.answers.get('END', '250 ok')}\r\n".encode())
                        continue
                    word = line[:4].decode().upper()
                    self.commands.append(word)
                    if word == "EHLO":
                        extra = "250-PIPELINING\r\n" if self.pipelining else ""
                        connection.sendall(f"250-x\r\n{extra}250 SIZE 999999\r\n".encode())
                        continue
                    answer = self.answers.get(word, "354 go" if word == "DATA" else "250 ok")
                    in_data = word == "DATA" and answer.startswith("354")
                    connection.sendall(f"{answer}\r\n".encode())


@pytest.fixture
def talk() -> Iterator[Callable[..., tuple[ScriptedServer, smtplib.SMTP]]]:
    open_ones: list[smtplib.SMTP] = []

    def start(answers: dict[str, str], *, pipelining: bool = True) -> tuple[ScriptedServer, smtplib.SMTP]:
        server = ScriptedServer(answers, pipelining=pipelining)
        client = smtplib.SMTP("127.0.0.1", server.port, timeout=5)
        open_ones.append(client)
        return server, client

    yield start
    for client in open_ones:
        client.close()


DATA = b"Subject: x\r\n\r\nHello\r\n.\r\n"


@pytest.mark.parametrize("pipelining", [True, False])
def test_message_is_taken_and_the_next_goes_over_the_same_connection(talk: Any, pipelining: bool) -> None:
    server, client = talk({}, pipelining=pipelining)
    for _ in range(3):
        hand_over(client, "a@example.com", "b@example.com", DATA)
    assert server.commands == ["EHLO", *["MAIL", "RCPT", "DATA"] * 3]
    assert server.chunks == (7 if pipelining else 13), "two writes a message instead of four"


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ({"MAIL": "550 no"}, smtplib.SMTPSenderRefused),
        ({"RCPT": "550 5.1.1 unknown", "DATA": "554 no valid recipients"}, smtplib.SMTPRecipientsRefused),
        ({"RCPT": "550 5.1.1 unknown"}, smtplib.SMTPRecipientsRefused),
        ({"RCPT": "450 later"}, smtplib.SMTPRecipientsRefused),
        ({"DATA": "451 not now"}, smtplib.SMTPDataError),
        ({"END": "552 too large"}, smtplib.SMTPDataError),
    ],
)
def test_refusal_is_told_and_leaves_the_connection_usable(
    talk: Any, answers: dict[str, str], error: type[Exception], pipelining: bool
) -> None:
    server, client = talk(answers, pipelining=pipelining)
    with pytest.raises(error):
        hand_over(client, "a@example.com", "b@example.com", DATA)
    server.answers = {}
    hand_over(client, "a@example.com", "b@example.com", DATA)
    assert "RSET" in server.commands


def test_server_that_hangs_up_is_left(talk: Any) -> None:
    _server, client = talk({"MAIL": "421 closing"})
    with pytest.raises(smtplib.SMTPSenderRefused) as refused:
        hand_over(client, "a@example.com", "b@example.com", DATA)
    assert refused.value.smtp_code == 421
    with pytest.raises(smtplib.SMTPServerDisconnected):
        hand_over(client, "a@example.com", "b@example.com", DATA)
