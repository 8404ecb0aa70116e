"""Handing mail to an SMTP server in two round trips instead of four, where it offers PIPELINING (RFC 2920)."""

from __future__ import annotations

import smtplib
from typing import Final

from apps.dispatch.wire import is_plain

_READY: Final = 354


def hand_over(server: smtplib.SMTP, sender: str, recipient: str, data: bytes) -> None:
    """Send one message; when this returns, the server has taken it.

    Sender, recipient and the wish to send are written at once and their answers read afterwards; a server that does not
    offer this is asked one by one. `data` is the message with dots doubled and its end (`wire`).

    Raises what `smtplib.SMTP.sendmail` raises: SMTPSenderRefused, SMTPRecipientsRefused, SMTPDataError, and
    SMTPServerDisconnected or OSError for a broken connection. After a refusal the connection can be used again.
    """
    server.ehlo_or_helo_if_needed()
    size = f" SIZE={len(data)}" if server.has_extn("size") else ""
    commands = (
        f"MAIL FROM:{_path(sender)}{size}\r\n".encode("ascii"),
        f"RCPT TO:{_path(recipient)}\r\n".encode("ascii"),
        b"DATA\r\n",
    )
    if server.has_extn("pipelining"):
        server.send(b"".join(commands))
        answers = [server.getreply() for _ in commands]
    else:
        answers = []
        for command in commands:
            server.send(command)
            answers.append(server.getreply())
            if answers[-1][0] >= 400:
                break
    _raise_refusal(server, answers, sender, recipient)
    server.send(data)
    code, text = server.getreply()
    if code != 250:
        _reset(server, code)
        raise smtplib.SMTPDataError(code, text)


def _path(address: str) -> str:
    return f"<{address}>" if is_plain(address) else smtplib.quoteaddr(address)


def _raise_refusal(server: smtplib.SMTP, answers: list[tuple[int, bytes]], sender: str, recipient: str) -> None:
    """Raise for the first command that was refused, and leave the connection where the next message may begin."""
    codes = [code for code, _text in answers]
    if codes == [250, 250, _READY] or codes == [250, 251, _READY]:
        return
    if codes[-1] == _READY and len(codes) == 3:
        server.send(b".\r\n")  # nobody took it, but the server waits for a message: it gets none
        server.getreply()
    refused = next(place for place, code in enumerate(codes) if code >= 400 or place == 2)
    code, text = answers[refused]
    _reset(server, code)
    if refused == 0:
        raise smtplib.SMTPSenderRefused(code, text, sender)
    if refused == 1:
        raise smtplib.SMTPRecipientsRefused({recipient: (code, text)})
    raise smtplib.SMTPDataError(code, text)


def _reset(server: smtplib.SMTP, code: int) -> None:
    """Begin anew after a refusal; a server that says 421 has hung up."""
    if code == 421:
        server.close()
        return
    try:
        server.rset()
    except smtplib.SMTPServerDisconnected:
        server.close()
