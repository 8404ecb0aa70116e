"""Who was erased, kept outside the database, so that a restored backup does not bring anybody back.

One JSON object a line in ``erasures.jsonl`` of the data directory, readable by the owner alone, only ever added to:
ids of records and keyed digests of identifiers, no personal value. The database holds the same (``Erasure``); what a
crash kept from the file is added later (:func:`write_missing`).
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from apps.customers.digests import digest_of
from apps.customers.models import Customer, CustomerIdentifier
from apps.organizations.models import Organization
from apps.privacy.models import Erasure
from cxm.scope import tenant

FILE_NAME = "erasures.jsonl"


@dataclass(frozen=True, slots=True)
class Line:
    """One erasure as the file has it."""

    id: UUID
    organization: UUID
    customers: tuple[UUID, ...]
    digests: tuple[str, ...]
    at: datetime

    @classmethod
    def of(cls, erasure: Erasure) -> Line:
        """The line of a row."""
        ids = tuple(UUID(text) for text in erasure.customers)
        return cls(erasure.pk, UUID(str(erasure.tenant_id)), ids, tuple(erasure.digests), erasure.at)

    def text(self) -> str:
        """The line as it is written."""
        return json.dumps(
            {
                "erasure": str(self.id),
                "organization": str(self.organization),
                "customers": [str(pk) for pk in self.customers],
                "digests": list(self.digests),
                "at": self.at.isoformat(),
            }
        )


def journal_path() -> Path:
    """Where the file lies."""
    return Path(settings.DATA_DIR) / FILE_NAME


def append(lines: list[Line]) -> None:
    """Add lines and wait until the disk has them. Raises OSError."""
    if not lines:
        return
    path = journal_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write("".join(f"{line.text()}\n" for line in lines).encode())
        file.flush()
        os.fsync(file.fileno())


def read() -> Iterator[Line]:
    """The lines of the file, the oldest first; a line that was cut off by a full disk is passed over."""
    path = journal_path()
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for text in file:
            line = _parsed(text)
            if line is not None:
                yield line


def _parsed(text: str) -> Line | None:
    try:
        raw: dict[str, Any] = json.loads(text)
        return Line(
            id=UUID(raw["erasure"]),
            organization=UUID(raw["organization"]),
            customers=tuple(UUID(pk) for pk in raw["customers"]),
            digests=tuple(str(digest) for digest in raw["digests"]),
            at=datetime.fromisoformat(raw["at"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def write_missing() -> int:
    """Add to the file what the database knows and the file does not; how many lines. For all organisations."""
    known = {line.id for line in read()}
    missing: list[Line] = []
    for organization in Organization.objects.order_by("pk").values_list("pk", flat=True):
        with tenant(organization):
            missing += [Line.of(row) for row in Erasure.objects.order_by("at", "pk") if row.pk not in known]
    append(missing)
    return len(missing)


def erase_again(erase: Callable[[UUID], object]) -> int:
    """Erase whoever is in the database although the file says that they were erased; how many people.

    By the ids of their records; and by the digest of an identifier whatever was made before the erasure, so that
    somebody who came back afterwards stays.

    Args:
        erase: given the id of a person, with the organisation in force.
    """
    by_organization: dict[UUID, list[Line]] = {}
    for line in read():
        by_organization.setdefault(line.organization, []).append(line)
    erased = 0
    for organization in Organization.objects.filter(pk__in=by_organization).values_list("pk", flat=True):
        with tenant(organization):
            for person in returned(by_organization[organization]):
                erase(person)
                erased += 1
    return erased


def returned(lines: list[Line]) -> list[UUID]:
    """The people of the organisation in force that these lines say are erased. Reads every customer once."""
    ids = {pk for line in lines for pk in line.customers}
    until: dict[str, datetime] = {}
    for line in lines:
        for digest in line.digests:
            until[digest] = max(line.at, until.get(digest, line.at))
    found: dict[UUID, None] = {}
    columns = ("pk", "merged_into", "created_at", "external_id", "email", "phone")
    for pk, merged_into, created_at, *values in Customer.records.values_list(*columns).iterator(chunk_size=5_000):
        known = pk in ids or any(
            value and created_at <= until.get(digest_of(kind, value), _NEVER)
            for kind, value in zip(("external_id", "email", "phone"), values, strict=True)
        )
        if known:
            found[merged_into or pk] = None
    for row in CustomerIdentifier.objects.exclude(customer=None).iterator(chunk_size=5_000):
        if row.customer_id and row.created_at <= until.get(digest_of(row.kind, row.value), _NEVER):
            found[row.customer_id] = None
    return list(found)


_NEVER = datetime.fromisoformat("0001-01-01T00:00:00+00:00")


def digests_of_line(identifiers: list[tuple[str, str]]) -> list[str]:
    """The digests of (kind, value) pairs of the organisation in force, sorted and once each."""
    return sorted({digest_of(kind, value) for kind, value in identifiers})
