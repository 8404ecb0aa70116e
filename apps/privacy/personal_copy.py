"""Everything the platform holds of one person, as JSON for the person to read (access and portability).

Written in pieces, so that a person with a hundred thousand interactions takes no more memory than one with ten.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now

from apps.audit.services import record
from apps.customers.holders import HOLDERS
from apps.customers.models import ConsentRecord, Customer, CustomerIdentifier, CustomerMerge
from apps.organizations.models import Organization
from apps.privacy.erasure import person_of
from cxm.actor import Actor
from cxm.api.serializers import utc_text
from cxm.scope import current_tenant_id

FORMAT = 1
OWN_SECTIONS = ("profile", "merged_records", "identifiers", "consents", "merges")


@dataclass(frozen=True, slots=True)
class Copy:
    """A written copy: its name below the uploads, its SHA-256 and its size in bytes."""

    name: str
    sha256: str
    size: int


def export_customer(*, actor: Actor, customer: UUID) -> Iterator[str]:
    """The person's copy in pieces of text, read while it is taken. The look-up is written to the audit log first.

    Raises NotFound, NotAllowed without privacy.manage: the copy holds what masking hides.
    """
    actor.require_everywhere("privacy.manage")
    person = person_of(customer)
    with transaction.atomic():
        record(actor=actor, action="customers.exported", target=person)
    return _pieces(person)


def write_copy(customer: Customer) -> Copy:
    """Write the copy below the uploads under a random name, readable by the platform alone."""
    name = f"{current_tenant_id()}/privacy/{uuid4().hex}.json"
    path = Path(settings.MEDIA_ROOT) / name
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest, size = hashlib.sha256(), 0
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        for piece in _pieces(customer):
            content = piece.encode("utf-8", "surrogatepass")
            digest.update(content)
            size += len(content)
            file.write(content)
    return Copy(name, digest.hexdigest(), size)


def _pieces(person: Customer) -> Iterator[str]:
    merged = list(Customer.records.filter(merged_into=person).order_by("created_at", "pk"))
    records = [person.pk, *(row.pk for row in merged)]
    organization = Organization.objects.values_list("name", flat=True).get(pk=current_tenant_id())
    yield "{" + ",\n ".join(
        (
            f'"format": {FORMAT}',
            f'"organization": {_json(organization)}',
            f'"exported_at": {_json(utc_text(now()))}',
            f'"customer": {_json(str(person.pk))}',
            f'"profile": {_json(_profile(person))}',
        )
    )
    yield from _section("merged_records", map(_profile, merged))
    identifiers = CustomerIdentifier.objects.filter(customer__in=records).order_by("kind", "created_at", "pk")
    yield from _section("identifiers", map(_identifier, identifiers))
    consents = ConsentRecord.objects.filter(customer__in=records).order_by("at", "pk")
    yield from _section("consents", map(_consent, consents))
    merges = CustomerMerge.objects.filter(Q(kept__in=records) | Q(merged__in=records)).order_by("merged_at", "pk")
    yield from _section("merges", map(_merge, merges))
    for name, holder in sorted(HOLDERS.items()):
        if name not in OWN_SECTIONS:
            yield from _section(name, (row for pk in records for row in holder.export(pk)))
    yield "\n}\n"


def _section(name: str, rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    yield f",\n {_json(name)}: ["
    for number, row in enumerate(rows):
        yield (",\n  " if number else "\n  ") + _json(row)
    yield "]"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, cls=DjangoJSONEncoder)


def _profile(row: Customer) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "external_id": row.external_id,
        "email": row.email,
        "phone": row.phone,
        "name": row.name,
        "stage": row.stage,
        "account": row.account,
        "unit": str(row.unit_id) if row.unit_id else None,
        "language": row.language,
        "timezone": row.timezone,
        "attributes": row.attributes,
        "restricted_at": utc_text(row.restricted_at) if row.restricted_at else None,
        "created_at": utc_text(row.created_at),
        "updated_at": utc_text(row.updated_at),
    }


def _identifier(row: CustomerIdentifier) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "value": row.value,
        "seen_with": row.claimed_by or None,
        "traits": row.traits,
        "created_at": utc_text(row.created_at),
    }


def _consent(row: ConsentRecord) -> dict[str, Any]:
    return {
        "purpose": row.purpose,
        "channel": row.channel,
        "state": row.state,
        "text_version": row.text_version,
        "how": row.how,
        "at": utc_text(row.at),
    }


def _merge(row: CustomerMerge) -> dict[str, Any]:
    return {
        "kept": str(row.kept_id),
        "merged": str(row.merged_id),
        "how": row.how,
        "merged_at": utc_text(row.merged_at),
        "undone_at": utc_text(row.undone_at) if row.undone_at else None,
    }
