"""A compiled mail as the bytes of SMTP, built once with holes: filling one in costs a join instead of an encoding.

The same message that `rendering.message_bytes` makes, multipart/alternative with both parts quoted-printable. Every
constant piece between two holes is encoded by itself and followed by a soft line break, so that what fills a hole
begins a line of its own, and no line grows beyond the 76 characters of RFC 2045. Dots that begin a line are doubled
already (RFC 5321, 4.5.2), and the end of the data stands at the end.
"""

from __future__ import annotations

import binascii
import re
import secrets
from collections.abc import Mapping, Sequence
from email.utils import formatdate
from functools import lru_cache
from html import escape
from time import time
from typing import Final

from apps.dispatch.rendering import CompiledMail, Recipient, address_header, header_text, one_line
from apps.dispatch.wording import words_in

END_OF_DATA: Final = b".\r\n"
_SOFT: Final = b"=\r\n"
_LONGEST_LAST_LINE: Final = 75
_HOLES: Final = ("link", "greeting")


class WireMail:
    """A mail of one batch and language, ready for any recipient."""

    def __init__(self, mail: CompiledMail, *, sender: str, reply_to: str = "") -> None:
        self._words = words_in(mail.language)
        self._boundary = f"=_{secrets.token_hex(12)}"
        self._from = f"From: {address_header(sender)}\r\nTo: ".encode("ascii")
        subject = f"\r\nSubject: {header_text(mail.subject)}\r\nMIME-Version: 1.0\r\n"
        reply = f"Reply-To: {address_header(reply_to)}\r\n" if reply_to else ""
        content = f'Content-Type: multipart/alternative; boundary="{self._boundary}"\r\n'
        self._subject = (subject + reply + content).encode("ascii")
        self._body = (
            *_part_pieces("plain", mail.text, self._boundary),
            *_part_pieces("html", mail.html, self._boundary, is_html=True),
            f"--{self._boundary}--\r\n".encode() + END_OF_DATA,
        )

    def fill(self, recipient: Recipient, *, to: str, message_id: str, headers: Mapping[str, str]) -> bytes:
        """The whole message for one recipient, with its end: what is written to the server after its 354.

        `to` is an ASCII address; `headers` and `message_id` are stripped of line breaks.
        """
        name = one_line(recipient.name)
        greeting = self._words.hello_name.format(name=name) if name else self._words.hello
        values: Mapping[str, bytes] = {
            "text:link": _qp(recipient.link),
            "text:greeting": _qp(greeting),
            "html:link": _qp(escape(recipient.link, quote=True)),
            "html:greeting": _qp(escape(greeting, quote=True)),
        }
        own = "".join(f"{one_line(key)}: {one_line(value)}\r\n" for key, value in headers.items())
        address = to if is_plain(to) else address_header(to)
        head = f"{address}\r\nDate: {_date(int(time()))}\r\nMessage-ID: {one_line(message_id)}"
        return b"".join(
            (
                self._from,
                head.encode("ascii"),
                self._subject,
                own.encode("ascii", "replace"),
                b"\r\n",
                *(values[piece] if isinstance(piece, str) else piece for piece in self._body),
            )
        )


_PLAIN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+")


def is_plain(address: str) -> bool:
    """Whether an address stands in headers and commands as it is: no quotes, brackets, blanks or control characters."""
    return _PLAIN.fullmatch(address) is not None


def wire_mail(mail: CompiledMail, *, sender: str, reply_to: str = "") -> WireMail | None:
    """The mail as bytes with holes; None where more differs between recipients than the link and the greeting."""
    return None if mail.own else WireMail(mail, sender=sender, reply_to=reply_to)


def with_end(raw: bytes) -> bytes:
    """A whole message in CRLF form as it is written after the server's 354: dots doubled, its end added."""
    if not raw.endswith(b"\r\n"):
        raw += b"\r\n"
    return _stuffed(raw) + END_OF_DATA


def _part_pieces(kind: str, parts: Sequence[str], boundary: str, *, is_html: bool = False) -> list[bytes | str]:
    """The bytes of one part, and between them the names of its holes."""
    head = (
        f'--{boundary}\r\nContent-Type: text/{kind}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    pieces: list[bytes | str] = [head.encode()]
    for position, part in enumerate(parts):
        if position % 2:
            if part not in _HOLES:
                raise ValueError(f"nothing fills the hole {part}")
            pieces.append(f"{'html' if is_html else 'text'}:{part}")
        elif position < len(parts) - 1:
            pieces.append(_qp(part))
        else:
            pieces.append(_stuffed(_encoded(part)) + b"\r\n")
    return pieces


def _qp(text: str) -> bytes:
    """`text` quoted-printable from the beginning of a line on, ending with a soft line break."""
    if not text:
        return b""
    encoded = _encoded(text)
    start = encoded.rfind(b"\n") + 1
    if len(encoded) - start > _LONGEST_LAST_LINE:
        cut = start + _LONGEST_LAST_LINE - 3
        while b"=" in encoded[cut - 2 : cut]:
            cut -= 1
        encoded = encoded[:cut] + _SOFT + encoded[cut:]
    return _stuffed(encoded) + _SOFT


def _encoded(text: str) -> bytes:
    encoded = binascii.b2a_qp(text.encode("utf-8", "replace"), istext=True)
    return encoded.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _stuffed(data: bytes) -> bytes:
    """Dots that begin a line doubled; `data` begins a line."""
    return (b"." if data.startswith(b".") else b"") + data.replace(b"\r\n.", b"\r\n..")


@lru_cache(maxsize=4)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
