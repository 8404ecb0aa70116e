"""Rows as members of a static segment."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from apps.customers.models import Customer, CustomerIdentifier
from apps.customers.rules import clean_email, clean_external_id
from apps.imports.journal import Change
from apps.imports.mapping import ColumnMapping
from apps.imports.models import ImportChange, ImportJob
from apps.imports.staging import StagedRow
from apps.imports.writers.base import Refusal, Taken, Writer
from apps.segments.models import SegmentMember
from apps.segments.services import remove_static_members, set_static_members
from cxm.errors import DomainError
from cxm.ids import parse_uuid

Reference = tuple[str, str]
STAYS = {"stays": True}
"""What the journal holds of a member that the file names too: the end of a replacing import must not take it out."""


class MemberWriter(Writer):
    """Customers that we know come on the list; those we do not know are refused, never made.

    When the file is the whole list, those it does not name go at the end.
    """

    def __init__(self, job: ImportJob, mapping: ColumnMapping, zone: ZoneInfo) -> None:
        if job.segment is None:
            raise DomainError(_("The segment is no longer there."), field="segment")
        self._job, self._segment = job, job.segment
        self._replaces = job.members == ImportJob.Members.REPLACE

    def take(self, rows: list[tuple[int, StagedRow]]) -> Taken:
        taken = Taken()
        named: list[tuple[int, Reference]] = []
        for index, row in rows:
            try:
                named.append((index, _reference(row.values)))
            except ValueError as error:
                taken.refusals.append(Refusal(index, str(error)))
        known = _people({reference for _index, reference in named})
        wanted: set[UUID] = set()
        for index, reference in named:
            if reference in known:
                wanted.add(known[reference])
            else:
                message = _("There is no customer “%(value)s”.") % {"value": reference[1][:80]}
                taken.refusals.append(Refusal(index, message))
        members = SegmentMember.objects.filter(segment=self._segment, customer__in=wanted)
        before = set(members.values_list("customer_id", flat=True))
        set_static_members(
            actor=self.actor, segment=self._segment, customer_ids=wanted - before, import_id=self._job.pk, mode="add"
        )
        kind = ImportChange.Kind.MEMBER.value
        taken.created = len(wanted - before)
        taken.changes = [Change(kind, pk) for pk in wanted - before]
        if self._replaces:
            taken.changes += [Change(kind, pk, STAYS) for pk in before]
        return taken

    def finish(self) -> Taken:
        taken = Taken()
        if self._replaces:
            kind = ImportChange.Kind.MEMBER.value
            named = ImportChange.objects.filter(job=self._job, kind=kind).values("subject")
            others = SegmentMember.objects.filter(segment=self._segment).exclude(customer_id__in=named)
            gone = list(others.values_list("customer_id", "import_id"))
            remove_static_members(actor=self.actor, segment=self._segment, customer_ids=[pk for pk, _import in gone])
            taken.updated = len(gone)
            taken.changes = [
                Change(kind, pk, {"import_id": str(import_id) if import_id else None}) for pk, import_id in gone
            ]
        return taken


def _reference(values: dict[str, str]) -> Reference:
    """How the row names its customer; the first that is given counts. Raises ValueError with a sentence."""
    if text := values.get("customer.id"):
        pk = parse_uuid(text)
        if pk is None:
            raise ValueError(_("“%(text)s” is not an id.") % {"text": text[:40]})
        return "id", str(pk)
    if external_id := clean_external_id(values.get("customer.external_id")):
        return "external_id", external_id
    if email := clean_email(values.get("customer.email")):
        return "email", email
    raise ValueError(_("There is no customer."))


def _people(references: Collection[Reference]) -> dict[Reference, UUID]:
    """The people that exist, merged ones as who they are part of. Two queries at most."""
    by_kind: dict[str, set[str]] = {"id": set(), "external_id": set(), "email": set()}
    for kind, value in references:
        by_kind[kind].add(value)
    found: dict[Reference, UUID] = {}
    for kind, column in (("id", "pk"), ("external_id", "external_id")):
        if by_kind[kind]:
            rows = Customer.records.filter(**{f"{column}__in": by_kind[kind]})
            for value, pk, merged in rows.values_list(column, "pk", "merged_into_id"):
                found[kind, str(value)] = merged or pk
    if by_kind["email"]:
        identifiers = CustomerIdentifier.objects.filter(
            kind=CustomerIdentifier.Kind.EMAIL, value__in=by_kind["email"], customer__isnull=False
        )
        for value, person in identifiers.values_list("value", "customer_id"):
            if person:
                found["email", value] = person
    return found
