"""A list of customers, pasted or as a file, becomes a static segment; lines that name nobody are told by number."""

from __future__ import annotations

import csv
import io
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.core.cache import cache
from django.db import transaction
from django.db.models import QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.customers.models import Customer
from apps.customers.rules import clean_phone
from apps.dispatch.audiences import sendable
from apps.segments.models import Segment
from apps.segments.services import create_segment, set_static_members
from cxm.actor import Actor
from cxm.errors import DomainError
from cxm.scope import current_tenant_id

LARGEST_FILE: Final = 32 * 1024 * 1024
MOST_LINES: Final = 500_000
KEPT_FOR: Final = 24 * 3600
"""Seconds for which the lines that named nobody can be fetched."""

_LONGEST: Final = 254
_AT_ONCE: Final = 20_000
_HEADINGS: Final = frozenset(
    {"external_id", "externalid", "external id", "id", "user_id", "userid", "customer", "customer_id", "customer id"}
    | {"email", "e-mail", "mail", "email address", "e-mail address", "phone", "telephone", "mobile"}
)
"""What the heading of the column that names the customer may be."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a list: its number as an editor shows it, and what it names."""

    number: int
    text: str


@dataclass(slots=True)
class Matched:
    """Whom a list names. A customer who stands in it twice counts once."""

    customer_ids: list[UUID] = field(default_factory=list)
    unknown: list[Line] = field(default_factory=list)
    lines: int = 0


def lines_of_file(content: bytes) -> list[Line]:
    """The lines of a text file or CSV: of several columns the one with a known heading, else the first.

    Raises `DomainError` naming `file` when it is too large, empty or no text.
    """
    if len(content) > LARGEST_FILE:
        raise _refused("file", _("The file is larger than 32 MB. Cut it in parts."))
    if content.startswith(b"PK\x03\x04"):
        raise _refused("file", _("This is a workbook. Save the sheet as CSV, or import it as members of a segment."))
    return _lines(_decoded(content), field="file")


def lines_of_text(text: str) -> list[Line]:
    """Pasted lines; several ids may stand in one, with commas or semicolons between. Raises `DomainError` on `ids`."""
    found: list[Line] = []
    for number, row in enumerate(text.splitlines(), start=1):
        pieces = row.replace(";", ",").replace("\t", ",").split(",")
        found += [Line(number, piece.strip()) for piece in pieces if piece.strip()]
    return _checked(found, field="ids")


def match_people(actor: Actor, lines: Iterable[Line]) -> Matched:
    """Find the customers that lines name by external id, e-mail address or phone number; three queries for 20,000.

    An external id goes before an address. Of several customers with one number or address the oldest is meant.
    """
    lines = list(lines)
    outcome = Matched(lines=len(lines))
    seen: set[UUID] = set()
    for start in range(0, len(lines), _AT_ONCE):
        some = lines[start : start + _AT_ONCE]
        found = _found(sendable(actor), {line.text for line in some if len(line.text) <= _LONGEST})
        for line in some:
            person = found.get(line.text)
            if person is None:
                outcome.unknown.append(line)
            elif person not in seen:
                seen.add(person)
                outcome.customer_ids.append(person)
    return outcome


@transaction.atomic
def segment_of_people(*, actor: Actor, name: str, customer_ids: list[UUID], into: UUID | None = None) -> Segment:
    """A static segment of these customers: the list `into` anew where it is one, else a new one named after `name`.

    Raises `DomainError` naming `ids` when there is nobody.
    """
    if not customer_ids:
        raise _refused("ids", _("None of these lines names a customer whom you may ask."))
    segment = Segment.objects.filter(pk=into, kind=Segment.Kind.STATIC).first() if into else None
    if segment is None:
        stamp = now().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        label = _("Asked: %(name)s") % {"name": name}
        segment = create_segment(actor=actor, name=f"{label[:90]} ({stamp})", kind=Segment.Kind.STATIC)
    set_static_members(actor=actor, segment=segment, customer_ids=customer_ids, mode="replace")
    return segment


def keep_unknown(plan_id: UUID, lines: list[Line]) -> None:
    """Keep for a day the lines that named nobody, to be corrected."""
    rows = json.dumps([[line.number, line.text] for line in lines]).encode()
    cache.set(_key(plan_id), zlib.compress(rows), KEPT_FOR)


def kept_unknown(plan_id: UUID) -> list[Line]:
    """The lines that named nobody; none when the day is over."""
    kept: Any = cache.get(_key(plan_id))
    return [Line(number, text) for number, text in json.loads(zlib.decompress(kept))] if kept else []


def _key(plan_id: UUID) -> str:
    return f"dispatch:unknown:{current_tenant_id()}:{plan_id}"


def _found(people: QuerySet[Customer], wanted: set[str]) -> dict[str, UUID]:
    """Text -> customer, for as many as there are."""
    found: dict[str, UUID] = {}
    phones: dict[str, list[str]] = {}
    for text in wanted:
        try:
            phone = clean_phone(text) if "@" not in text else None
        except ValueError:
            phone = None
        if phone:
            for form in (phone, phone.removeprefix("+"), f"+{phone.removeprefix('+')}"):
                phones.setdefault(form, []).append(text)
    rows = people.order_by("-pk")
    for number, pk in rows.filter(phone__in=list(phones)).values_list("phone", "pk") if phones else ():
        found.update(dict.fromkeys(phones[number or ""], pk))
    emails: dict[str, list[str]] = {}
    for text in wanted:
        if "@" in text:
            emails.setdefault(text.lower(), []).append(text)
    for email, pk in rows.filter(email__in=list(emails)).values_list("email", "pk") if emails else ():
        found.update(dict.fromkeys(emails[email or ""], pk))
    found.update((name or "", pk) for name, pk in rows.filter(external_id__in=wanted).values_list("external_id", "pk"))
    if missing := [text for text in wanted if text not in found]:
        merged = Customer.records.filter(external_id__in=missing, merged_into__in=people)
        found.update((name or "", pk) for name, pk in merged.values_list("external_id", "merged_into_id"))
    return found


def _decoded(content: bytes) -> str:
    """Text in UTF-8 (with or without a mark), UTF-16 with one, or Western European."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    else:
        encoding = "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    if "\x00" in text:
        raise _refused("file", _("This is no text file. Save the list as CSV or plain text."))
    return text


def _lines(text: str, *, field: str) -> list[Line]:
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    found: list[Line] = []
    column, before = 0, 0
    try:
        for row in reader:
            number, before = before + 1, reader.line_num
            if number == 1:
                names = [cell.strip().lower() for cell in row]
                known = [place for place, name in enumerate(names) if name in _HEADINGS]
                if known:
                    column = known[0]
                    continue
            cell = row[column].strip() if len(row) > column else ""
            if cell or any(part.strip() for part in row):
                found.append(Line(number, cell))
    except csv.Error:
        raise _refused(field, _("Line %(line)d cannot be read as CSV.") % {"line": reader.line_num}) from None
    return _checked(found, field=field)


def _checked(lines: list[Line], *, field: str) -> list[Line]:
    if not lines:
        raise _refused(field, _("Name your customers by external id, e-mail address or phone number, one a line."))
    if len(lines) > MOST_LINES:
        raise _refused(field, _("Give at most %(most)s lines at a time.") % {"most": f"{MOST_LINES:,}"})
    return lines


def _refused(field: str, message: str) -> DomainError:
    return DomainError(message, field=field, code="invalid")
