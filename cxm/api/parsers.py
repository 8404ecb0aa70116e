"""Reading JSON that strangers send, with limits, before anything recurses over it.

Refused with a sentence that names the place: more than the allowed bytes, nesting deeper than MAX_DEPTH, a key twice in
one object, NUL and lone surrogates (PostgreSQL cannot store them), NaN and Infinity, numbers that fit no column.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import IO, Any

from django.core.exceptions import RequestDataTooBig
from django.utils.translation import gettext as _
from rest_framework.parsers import BaseParser, MultiPartParser

from cxm.api.problems import BadBody, PayloadTooLarge
from cxm.web.uploads import MAX_BYTES as MAX_UPLOAD

MAX_BYTES = 5 * 1024 * 1024
MAX_DEPTH = 32
MAX_INTEGER = 2**63 - 1

STRING = re.compile(rb'"[^"\\]*+(?:\\[\s\S][^"\\]*+)*+(?:"|\\?\Z)')
"""A JSON string, or an unclosed one up to the end: it never backtracks, so hostile input costs linear time."""
NOT_BRACKET = re.compile(rb"[^\[\]{}]+")
SUSPICIOUS = re.compile(rb"\\u|\d{19}|[eE]\+?\d{3}")
"""Only a body with one of these can hold a character or a number that must be looked for value by value."""
SURROGATE = re.compile("[\ud800-\udfff]")


class SafeJsonParser(BaseParser):
    """DRF parser over `parse_json`. A view sets `max_body_bytes` for its own limit.

    Leaves the SHA-256 of the bytes as `body_digest` on the Django request for the idempotency check.
    """

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        context = parser_context or {}
        limit = getattr(context.get("view"), "max_body_bytes", MAX_BYTES)
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise too_large(limit)
        request = context.get("request")
        if request is not None:
            request._request.body_digest = hashlib.sha256(raw).hexdigest()
        return parse_json(raw)


class UploadParser(MultiPartParser):
    """multipart/form-data for the few resources that take files; Django's upload limits apply."""

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        try:
            return super().parse(stream, media_type, parser_context)
        except RequestDataTooBig:
            raise too_large(MAX_UPLOAD) from None


def too_large(limit: int) -> PayloadTooLarge:
    """413 that says how much is taken."""
    return PayloadTooLarge(_("The body may have at most %(limit)d bytes.") % {"limit": limit})


def parse_json(raw: bytes) -> Any:
    """The value of a JSON text (UTF-8). Raises BadBody (400) with the path of what is wrong.

    Linear in the size of the text; depth is counted before parsing, so nothing recurses deeper than MAX_DEPTH.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadBody(_("The body is not UTF-8 (byte %(at)d).") % {"at": error.start}, code="not_utf8") from None
    if not text.strip():
        raise BadBody(_("The body is empty. Send a JSON object."), code="empty")
    refuse_depth(raw)
    try:
        value = json.loads(
            text, object_pairs_hook=unique_object, parse_constant=refuse_constant, parse_int=read_integer
        )
    except json.JSONDecodeError as error:
        message = _("The body is not JSON: line %(line)d, column %(column)d.")
        raise BadBody(message % {"line": error.lineno, "column": error.colno}, code="not_json") from None
    if SUSPICIOUS.search(raw):
        refuse_unstorable(value, "")
    return value


def refuse_depth(raw: bytes) -> None:
    """Raise when arrays and objects are nested deeper than MAX_DEPTH. Brackets inside strings do not count."""
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in NOT_BRACKET.sub(b"", STRING.sub(b"", raw)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise BadBody(_("The body is nested deeper than %(depth)d levels.") % {"depth": MAX_DEPTH}, code="too_deep")


def unique_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A dict of the pairs; a name given twice is refused, as readers disagree on which one counts."""
    result = dict(pairs)
    if len(result) < len(pairs):
        seen: set[str] = set()
        for name, _value in pairs:
            if name in seen:
                shown = printable(name)
                raise BadBody(_("“%(name)s” is given twice.") % {"name": shown}, field=shown, code="duplicate")
            seen.add(name)
    return result


def refuse_constant(name: str) -> Any:
    """NaN and Infinity are not JSON."""
    raise BadBody(_("%(name)s is not a JSON number.") % {"name": name}, code="not_a_number")


def read_integer(digits: str) -> int:
    """An integer; one of absurd length is clamped just past the limit, so that the value check can name its place."""
    return int(digits) if len(digits) <= 20 else MAX_INTEGER + 1


def refuse_unstorable(value: Any, path: str) -> None:
    """Raise for the first string with NUL or a lone surrogate, and the first number too large to store."""
    match value:
        case str():
            check_text(value, path)
        case bool():
            return
        case int():
            if abs(value) > MAX_INTEGER:
                raise BadBody(_("The number is too large."), field=path, code="too_large")
        case float():
            if math.isinf(value):
                raise BadBody(_("The number is too large."), field=path, code="too_large")
        case dict():
            for name, inner in value.items():
                below = f"{path}.{printable(name)}" if path else printable(name)
                check_text(name, below)
                refuse_unstorable(inner, below)
        case list():
            for index, inner in enumerate(value):
                refuse_unstorable(inner, f"{path}.{index}" if path else str(index))


def check_text(text: str, path: str) -> None:
    """Raise when the text holds a character that cannot be stored."""
    if "\x00" in text:
        raise BadBody(_("The text holds a NUL character. Remove it."), field=path, code="nul")
    if SURROGATE.search(text):
        raise BadBody(
            _("The text holds half of a surrogate pair. Send whole characters."), field=path, code="surrogate"
        )


def printable(name: str) -> str:
    """A name that can be written back: at most 64 characters, unstorable ones as `?`."""
    return SURROGATE.sub("?", name[:64]).replace("\x00", "?")
