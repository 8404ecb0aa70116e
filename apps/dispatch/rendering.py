"""From a survey to the bytes of a mail: compiled once a (survey, language, brand), then filled in a recipient.

A Django render plus CSS inlining plus a MIME tree costs milliseconds and would be the limit of dispatch, so they run
once. What differs between recipients (link, greeting, what Liquid or piping fills in) stands in the compiled mail as a
placeholder that nobody can type, and is replaced with text escaped for the place it stands in: HTML, plain text or a
header.
"""

from __future__ import annotations

import binascii
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.header import Header
from email.utils import formataddr, formatdate, parseaddr
from functools import lru_cache
from html import escape
from typing import Final

import css_inline
from django.template.loader import render_to_string

from apps.dispatch.texts import Texts, filled, same_for_all
from apps.dispatch.wording import direction, words_in
from apps.messaging.liquid import is_template
from apps.surveys.piping import PipedValues, pipe

LARGEST_HTML: Final = 30_000
"""Bytes of HTML a survey mail may have (Gmail cuts at about 102 kB; ours are under 10)."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_SCORES_A_ROW: Final = 7


@dataclass(frozen=True, slots=True)
class Brand:
    """How the organisation looks in its mail: its name, the accent with the colour of words on it (`#RRGGBB`), and the
    address of its logo, "" for none."""

    organization: str
    accent: str
    on_accent: str
    logo: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """The headline question as the mail asks it; `scores` is empty when the answer is no number."""

    text: str
    scores: Sequence[int] = ()
    lowest_label: str = ""
    highest_label: str = ""


@dataclass(frozen=True, slots=True)
class Recipient:
    """What differs between two mails of one survey. `link` ends with a slash.

    `attributes` are those of the invitation (the order, the agent), for Liquid and for questions that pipe them.
    """

    link: str
    name: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail ready to be sent or shown."""

    subject: str
    html: str
    text: str


@dataclass(frozen=True, slots=True)
class CompiledMail:
    """A mail with holes: every second part is the name of what fills the hole.

    `own` holds what has to be filled in anew for every recipient: `subject`, `opening` (Liquid, with our own words to
    fall back on) and `question` (piped). What is the same for all stands in the parts already.
    """

    language: str
    subject: str
    html: tuple[str, ...]
    text: tuple[str, ...]
    organization: str = ""
    touchpoint: str = ""
    own: Mapping[str, str] = field(default_factory=dict)
    fallback: Mapping[str, str] = field(default_factory=dict)

    def render(self, recipient: Recipient) -> Rendered:
        """The mail for one recipient; costs two joins, and a tenth of a millisecond for each Liquid text."""
        words = words_in(self.language)
        name = one_line(recipient.name)
        fill = {
            "link": recipient.link,
            "greeting": words.hello_name.format(name=name) if name else words.hello,
        }
        subject = self.subject
        if self.own:
            fill |= self._own_words(recipient, name)
            subject = fill.get("subject", subject)
        html = {key: escape(value, quote=True).replace("\n", "<br>") for key, value in fill.items()}
        return Rendered(subject=subject, html=_filled(self.html, html), text=_filled(self.text, fill))

    def _own_words(self, recipient: Recipient, name: str) -> dict[str, str]:
        piped = PipedValues(
            hidden=recipient.attributes,
            customer_name=name,
            organization=self.organization,
            touchpoint=self.touchpoint,
        )
        words: dict[str, str] = {}
        for key, template in self.own.items():
            if key == "question":
                words[key] = one_line(pipe(template, piped))
                continue
            text = filled(
                template,
                name=name,
                organization=self.organization,
                touchpoint=self.touchpoint,
                attributes=recipient.attributes,
            )
            words[key] = (one_line(text) if key == "subject" else _printable(text)) or self.fallback[key]
        return words


def compile_invitation(
    *,
    brand: Brand,
    question: Question,
    language: str,
    touchpoint: str = "",
    subject: str = "",
    opening: str = "",
    texts: Texts | None = None,
    limit: int = 0,
    days: int = 0,
    reminder: bool = False,
    member: bool = False,
) -> CompiledMail:
    """Compile the invitation (or its reminder) to answer `question`.

    `texts` are the organisation's own words, templates in Liquid; `subject` and `opening` are the same as plain text
    (what somebody typed for one batch), and everything defaults to ours. `limit` in `days` days is the promise printed
    in the footer, left out when `days` is 0. `member` says that an employee is asked, not a customer.
    """
    words = words_in(language)
    default_subject = (
        words.subject_touchpoint.format(touchpoint=touchpoint)
        if touchpoint
        else words.subject.format(organization=brand.organization)
    )
    fallback = {
        "subject": one_line(words.reminder.format(subject=default_subject) if reminder else default_subject),
        "opening": words.opening,
    }
    subject = subject or default_subject
    words_used = {
        "subject": words.reminder.format(subject=subject) if reminder else subject,
        "opening": opening,
    }
    own: dict[str, str] = {}
    if texts is not None:
        templates = {
            "subject": texts.subject_of(reminder=reminder, words=words),
            "opening": texts.opening_of(reminder=reminder),
        }
        for key, template in templates.items():
            constant = same_for_all(template, organization=brand.organization, touchpoint=touchpoint)
            if constant is None:
                own[key] = template
            words_used[key] = constant or words_used[key]
    asked = one_line(question.text)
    if is_template(asked):
        own["question"] = asked
    mark = f"cxm{secrets.token_hex(8)}"
    holes = {key: f"{mark}{key}{mark}" for key in ("link", "greeting", *own)}
    subject = one_line(words_used["subject"]) or fallback["subject"]
    rows = _rows(question.scores)
    context = {
        "language": language,
        "direction": direction(language),
        "subject": subject,
        "organization": one_line(brand.organization),
        "logo": brand.logo,
        "accent": brand.accent,
        "on_accent": brand.on_accent,
        "words": {
            "browser": words.browser,
            "answer": words.answer,
            "stop": words.stop,
            "privacy": words.privacy,
            "why": (words.why_member if member else words.why).format(organization=one_line(brand.organization)),
        },
        "how_often": words.how_often.format(limit=limit, days=days) if days else "",
        "opening": _printable(words_used["opening"]) or words.opening,
        "question": asked,
        "rows": rows,
        "columns": len(rows[0]) if rows else 0,
        "width": f"{100 // len(rows[0])}%" if rows else "",
        "lowest": question.scores[0] if question.scores else "",
        "highest": question.scores[-1] if question.scores else "",
        "lowest_label": one_line(question.lowest_label),
        "highest_label": one_line(question.highest_label),
        **holes,
    }
    return CompiledMail(
        language=language,
        subject=subject,
        html=_parts(_inlined(render_to_string("mail/invitation.html", context)), mark),
        text=_parts(_tidy(render_to_string("mail/invitation.txt", context)), mark),
        organization=one_line(brand.organization),
        touchpoint=one_line(touchpoint),
        own=own,
        fallback=fallback,
    )


def render_message(
    *,
    brand: Brand,
    subject: str,
    lines: Sequence[str],
    note: str,
    language: str = "en",
    button: str = "",
    url: str = "",
    quote: str = "",
    stop: str = "",
) -> Rendered:
    """A plain notice: some lines, perhaps a quoted text, perhaps one button; used for everything but surveys.

    `stop` is the address that ends such notices.
    """
    context = {
        "language": language,
        "direction": direction(language),
        "subject": one_line(subject),
        "organization": one_line(brand.organization),
        "logo": brand.logo,
        "accent": brand.accent,
        "on_accent": brand.on_accent,
        "lines": [one_line(line) for line in lines],
        "quote": _printable(quote),
        "button": one_line(button),
        "url": url,
        "note": one_line(note),
        "stop": stop,
    }
    return Rendered(
        subject=one_line(subject),
        html=_inlined(render_to_string("mail/message.html", context)),
        text=_tidy(render_to_string("mail/message.txt", context)),
    )


def message_bytes(
    rendered: Rendered,
    *,
    sender: str,
    recipient: str,
    message_id: str,
    headers: Mapping[str, str] | None = None,
    reply_to: str = "",
) -> bytes:
    """The whole message in CRLF form: a multipart/alternative of text and HTML, both quoted-printable.

    `headers` are sent as they are once line breaks are gone; `message_id` comes with its angle brackets.
    """
    boundary = f"=_{secrets.token_hex(12)}"
    lines = [
        f"From: {address_header(sender)}",
        f"To: {address_header(recipient)}",
        f"Subject: {header_text(rendered.subject)}",
        f"Date: {formatdate(usegmt=True)}",
        f"Message-ID: {one_line(message_id)}",
        "MIME-Version: 1.0",
    ]
    if reply_to:
        lines.append(f"Reply-To: {address_header(reply_to)}")
    lines += [f"{one_line(name)}: {one_line(value)}" for name, value in (headers or {}).items()]
    lines += [f'Content-Type: multipart/alternative; boundary="{boundary}"', "", ""]
    head = "\r\n".join(lines).encode("ascii")
    return b"".join(
        (
            head,
            _part("plain", rendered.text, boundary),
            _part("html", rendered.html, boundary),
            f"--{boundary}--\r\n".encode(),
        )
    )


def one_line(text: str) -> str:
    """`text` without line breaks and control characters, so that it can stand in a header."""
    return _CONTROL.sub(" ", text).strip()


def _printable(text: str) -> str:
    """`text` in its lines, without the control characters that mail cannot carry."""
    return "\n".join(one_line(line) for line in text.splitlines())


def header_text(text: str) -> str:
    """`text` as the value of a header: RFC 2047 where it is not ASCII, folded, free of bare line breaks."""
    clean = one_line(text)
    if clean.isascii() and len(clean) < 900:
        return clean
    return Header(clean, "utf-8", header_name="Subject").encode(linesep="\r\n")


@lru_cache(maxsize=4096)
def address_header(address: str) -> str:
    """`Name <mail@host>` as a header holds it."""
    name, mail = parseaddr(one_line(address))
    return formataddr((name, ascii_address(mail)))


def ascii_address(mail: str) -> str:
    """The address with its host in IDNA form. Raises UnicodeError when the part before the @ is not ASCII."""
    local, at, host = mail.rpartition("@")
    if not mail.isascii():
        host = host.encode("idna").decode("ascii")
    return f"{local.encode('ascii').decode('ascii')}{at}{host}"


def _part(kind: str, body: str, boundary: str) -> bytes:
    encoded = binascii.b2a_qp(body.encode("utf-8", "replace"), istext=True)
    return b"".join(
        (
            f'--{boundary}\r\nContent-Type: text/{kind}; charset="utf-8"\r\n'
            "Content-Transfer-Encoding: quoted-printable\r\n\r\n".encode(),
            encoded.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
            b"\r\n",
        )
    )


def _rows(scores: Sequence[int]) -> list[list[int]]:
    """Up to 7 scores stand in one row; more are split in two, the upper the longer: 11 become 6 and 5."""
    if not scores:
        return []
    if len(scores) <= _SCORES_A_ROW:
        return [list(scores)]
    middle = (len(scores) + 1) // 2
    return [list(scores[:middle]), list(scores[middle:])]


def _parts(text: str, mark: str) -> tuple[str, ...]:
    return tuple(re.split(f"{mark}([a-z]+){mark}", text))


def _filled(parts: tuple[str, ...], fill: Mapping[str, str]) -> str:
    return "".join(fill[part] if position % 2 else part for position, part in enumerate(parts))


def _tidy(text: str) -> str:
    """Plain text without trailing spaces and without more than one empty line in a row."""
    lines = "\n".join(line.rstrip() for line in text.strip().splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines) + "\n"


@lru_cache(maxsize=1)
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=False)


def _inlined(html: str) -> str:
    """`html` with its first style sheet moved into the elements; the dark one, marked to be kept, stays."""
    squeezed = re.sub(r">\s+<", "><", html)
    return _inliner().inline(squeezed)
