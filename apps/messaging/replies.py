"""What somebody wrote back, without what the mail program put around it."""

from __future__ import annotations

import re
from html import unescape
from typing import Final

LONGEST: Final = 400
"""Characters of a reply that are kept until it was acted on."""
_READ: Final = 20_000
"""Characters of a mail that are looked at."""

_SIGNATURE: Final = re.compile(r"--\s*$|__+\s*$")
_BEGINS_QUOTE: Final = re.compile(r"-{2,}\s*\S.{0,60}-{2,}\s*$|_{8,}|(?:From|Von|De|Da|Van|От|Від|Od|Från|Fra)\s?:\s")
_TAGS: Final = re.compile(r"<(?:style|script|head)\b.*?</(?:style|script|head)\s*>|<[^>]{0,2000}>", re.DOTALL | re.I)
_BREAKS: Final = re.compile(r"<(?:br|/p|/div|/tr|/li|blockquote)\b[^>]{0,200}>", re.I)
_QUOTED_HTML: Final = re.compile(r"<(?:blockquote|div[^>]{0,200}(?:gmail_quote|moz-cite|yahoo_quoted))", re.I)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def own_words(text: str) -> str:
    """The first line that the person wrote: not a quoted one, nor the line above a quote, nor a signature.

    Enough to tell an opt-out word from anything else, which is all a reply is read for. "" when there is none.
    """
    lines = [_CONTROL.sub(" ", line).strip() for line in text[:_READ].splitlines()]
    for position, line in enumerate(lines):
        if not line or line.startswith((">", "|")):
            continue
        if _SIGNATURE.match(line) or _BEGINS_QUOTE.match(line):
            return ""
        if _is_attribution(lines, position):
            continue
        return line[:LONGEST]
    return ""


def words_of_html(html: str) -> str:
    """The text of a mail that came as HTML only, up to where it quotes."""
    html = html[:_READ]
    quote = _QUOTED_HTML.search(html)
    if quote is not None:
        html = html[: quote.start()]
    return unescape(_TAGS.sub("", _BREAKS.sub("\n", html)))


def _is_attribution(lines: list[str], position: int) -> bool:
    """Whether a line only says whom the quote below it is from: "On Monday Lena wrote:", perhaps over two lines."""
    for end in (position, position + 1):
        if end < len(lines) and lines[end].endswith((":", "：")):
            following = next((line for line in lines[end + 1 :] if line), "")
            return following.startswith((">", "|")) or (end > position and not following)
    return False
