"""Two records that are one person: merged by hand, and parted again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.audit.services import record
from apps.customers.identity import require_alone, with_identities
from apps.customers.identity_graph import Graph, load, movables
from apps.customers.identity_profiles import READ
from apps.customers.identity_statements import ATTRIBUTE, columns_of, fold, rank_of, said_of_columns
from apps.customers.models import Customer, CustomerIdentifier, CustomerMerge
from apps.customers.queries import customers, shown
from apps.customers.search import matching
from apps.organizations.models import Unit
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, NotFound

LABELS: Mapping[str, Any] = {
    "name": gettext_lazy("Name"),
    "email": gettext_lazy("E-mail"),
    "phone": gettext_lazy("Phone"),
    "stage": gettext_lazy("Stage"),
    "account": gettext_lazy("Account"),
    "unit": gettext_lazy("Unit"),
    "language": gettext_lazy("Language"),
    "timezone": gettext_lazy("Time zone"),
}


SHOWN = 20
"""Merges listed on a profile."""


@transaction.atomic
def merge_customers(*, actor: Actor, kept: Customer | UUID, merged: Customer | UUID) -> CustomerMerge:
    """Make the record `merged` a part of the person `kept`, with everything it has; what does so is journalled.

    Empty fields of the kept person are filled from the other, attributes are laid over by the time they were said.
    What arrives later under an identifier of the merged record goes to the person, and back when the merge is undone.
    Needs customers.edit on the units of both. Raises NotFound, Conflict for a record that is merged already, and
    DomainError on `customer` for a merge into itself.
    """
    kept_id, merged_id = _id_of(kept), _id_of(merged)
    merge = with_identities(lambda: _merge(actor, kept_id, merged_id))
    record(actor=actor, action="customers.merged", target=merge.kept, fields=[str(merge.merged_id)])
    return merge


def _merge(actor: Actor, kept_id: UUID, merged_id: UUID) -> CustomerMerge:
    require_alone()
    rows = {row.pk: row for row in _records([kept_id, merged_id])}
    if kept_id not in rows or merged_id not in rows:
        raise NotFound(_("There is no such customer."), field="customer")
    merged = rows[merged_id]
    if merged.merged_into_id is not None:
        message = _("This record is part of another person already. Undo that merge first.")
        raise Conflict(message, field="customer", code="merged")
    kept = person_of(rows[kept_id])
    if kept.pk == merged.pk:
        raise DomainError(_("A customer cannot be merged with itself."), field="customer", code="itself")
    for row in (kept, merged):
        actor.require("customers.edit", row.unit_id)
    graph = load(people=[kept.pk, merged.pk])
    graph.settle(join={merged.pk: kept.pk}, by=actor.user_id)
    merge = CustomerMerge.objects.select_related("kept").get(merged=merged, undone_at=None)
    if merged.restricted_at and not kept.restricted_at:
        Customer.objects.filter(pk=kept.pk).update(restricted_at=merged.restricted_at)
        merge.journal["restricted_at"] = merged.restricted_at.isoformat()
        merge.save(update_fields=["journal"])
    return merge


@transaction.atomic
def undo_merge(*, actor: Actor, merge: CustomerMerge | UUID) -> Customer:
    """Take a merge back: the record is a person of its own again, with everything it had; returns that person.

    What arrived meanwhile under its own identifiers goes with it. An identifier that had joined the two by itself is
    barred from doing so again. Needs customers.edit on the units of both. Raises NotFound, and Conflict for a merge
    that was undone before.
    """
    pk = merge.pk if isinstance(merge, CustomerMerge) else merge
    restored = with_identities(lambda: _undo(actor, pk))
    record(actor=actor, action="customers.unmerged", target=restored)
    return restored


def _undo(actor: Actor, pk: UUID) -> Customer:
    require_alone()
    merge = CustomerMerge.objects.select_related("merged", "kept").filter(pk=pk).first()
    if merge is None:
        raise NotFound(_("There is no such merge."))
    merged, person = merge.merged, person_of(merge.kept)
    for row in (merged, person):
        actor.require("customers.edit", row.unit_id)
    if merge.undone_at is not None:
        raise Conflict(_("This merge was undone already."), code="undone")
    graph = load(people=[person.pk])
    _cut(graph, merge, person)
    part = [merged.pk] if merge.how == CustomerMerge.How.HAND else []
    graph.settle(part=part, by=actor.user_id)
    restricted_at = merge.journal.get("restricted_at")
    if restricted_at and person.restricted_at == datetime.fromisoformat(restricted_at):
        Customer.objects.filter(pk=person.pk).update(restricted_at=None)
    return Customer.records.select_related("unit").defer("search_text").get(pk=merged.pk)


def _cut(graph: Graph, merge: CustomerMerge, person: Customer) -> None:
    """Take away what joined the two, where that was a message."""
    merged = graph.records[merge.merged_id]
    if merge.how == CustomerMerge.How.ALIAS:
        for each in (merged, graph.records[person.pk]):
            each.alias, each.is_changed = None, True
    elif merge.how == CustomerMerge.How.IDENTIFIED:
        for ident in graph.idents.values():
            if ident.home == merged.id and ident.claim is not None:
                ident.barred = [*ident.barred, ident.claim.text]
                ident.claim, ident.is_changed = None, True


def sweep_merged(record_id: UUID) -> int:
    """Move what was filed under a record after its merge had looked; how many rows. Journalled with the merge."""

    def work() -> int:
        require_alone()
        merge = CustomerMerge.objects.select_related("merged").filter(merged=record_id, undone_at=None).first()
        person = merge.merged.merged_into_id if merge else None
        if merge is None or person is None:
            return 0
        found = {name: holder.move(record_id, person) for name, holder in movables().items()}
        count = sum(map(len, found.values()))
        if count:
            moved = merge.journal.setdefault("holders", {})
            for name, ids in found.items():
                if ids:
                    moved[name] = [*moved.get(name, []), *ids]
            merge.save(update_fields=["journal"])
        return count

    return with_identities(work)


def person_of(row: Customer) -> Customer:
    """The person a record is, or is part of."""
    if row.merged_into_id is None:
        return row
    return Customer.objects.defer("search_text").get(pk=row.merged_into_id)


def visible_records(actor: Actor) -> QuerySet[Customer]:
    """People and merged records that the actor may see: all, or those of the actor's branch."""
    rows = Customer.records.select_related("unit").defer("search_text")
    units = actor.visible_units("customers.view")
    return rows if units is None else rows.filter(unit_id__in=units)


def records_of(person: UUID) -> list[UUID]:
    """The ids of everything that is this person: the record itself first, then those merged into it."""
    return [person, *Customer.records.filter(merged_into=person).order_by("pk").values_list("pk", flat=True)]


def identifiers_of(person: UUID) -> list[dict[str, str]]:
    """Every identifier of a person, as the API shows them: user ids first, then the earliest known. Two queries."""
    records = Customer.records.filter(Q(pk=person) | Q(merged_into=person)).exclude(external_id=None)
    own_first = F("merged_into_id").asc(nulls_first=True)
    users = records.order_by(own_first, "pk").values_list("external_id", flat=True)
    found = [{"kind": "user_id", "value": value} for value in users if value]
    order = ("kind", "created_at", "value")
    rows = CustomerIdentifier.objects.filter(customer=person).order_by(*order).values_list("kind", "value")
    kinds = [kind for kind, _label in CustomerIdentifier.Kind.choices]
    others = sorted(rows, key=lambda row: kinds.index(row[0]))
    return found + [{"kind": kind, "value": value} for kind, value in others]


def merges_of(customer: Customer) -> QuerySet[CustomerMerge]:
    """The merges of a person, those undone included, newest first; with the merged record and who did it."""
    of_person = Q(kept=customer) | Q(merged__merged_into=customer, undone_at=None)
    return (
        CustomerMerge.objects.filter(of_person)
        .select_related("merged", "merged_by", "undone_by")
        .defer("merged__search_text", "journal")
        .order_by("-merged_at", "-id")
    )


def merge_in_force(person: Customer, merged: UUID | None = None) -> CustomerMerge:
    """The merge to undo: the one of this record, or the latest of the person. Raises NotFound."""
    rows = CustomerMerge.objects.filter(merged__merged_into=person, undone_at=None).order_by("-merged_at", "-id")
    found = (rows.filter(merged=merged) if merged else rows).first()
    if found is None:
        raise NotFound(_("Nothing that could be undone was merged into this customer."), field="customer")
    return found


def merges_of_profile(actor: Actor, customer: Customer) -> dict[str, Any] | None:
    """The card of the profile: merges, and others who show the same address or number. None without any."""
    context = {
        "merges": list(merges_of(customer)[:SHOWN]),
        "duplicates": possible_duplicates(actor, customer, limit=3),
        "may_merge": actor.can("customers.edit", customer.unit_id),
    }
    return context if context["merges"] or context["duplicates"] else None


def possible_duplicates(actor: Actor, customer: Customer, limit: int = 10) -> list[Customer]:
    """Other customers whom the actor sees and who show the same e-mail address or phone number, oldest first."""
    rows = customers(actor).exclude(pk=customer.pk)
    found: dict[UUID, Customer] = {}
    if customer.email:
        found |= {row.pk: row for row in rows.filter(email=customer.email).order_by("created_at", "pk")[:limit]}
    if customer.phone:
        same = matching(rows, customer.phone).filter(phone=customer.phone).order_by("created_at", "pk")
        found |= {row.pk: row for row in same[:limit]}
    return sorted(found.values(), key=lambda row: (row.created_at, row.pk))[:limit]


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """One field of a merge that is about to be made: both values, and what it will be."""

    label: str
    kept: str
    merged: str
    result: str

    @property
    def is_different(self) -> bool:
        """Whether the two say different things."""
        return bool(self.kept and self.merged and self.kept != self.merged)


def preview(kept: Customer, merged: Customer) -> list[PreviewRow]:
    """What two customers show, and what the person will show when `merged` becomes a part of `kept`."""
    rows = {row["id"]: row for row in Customer.records.filter(pk__in=[kept.pk, merged.pk]).values(*READ)}
    for row in rows.values():
        row["unit"] = str(row["unit_id"]) if row["unit_id"] else None
    first, second = said_of_columns(rows[kept.pk]), said_of_columns(rows[merged.pk])
    result = columns_of(fold([first], [(second, rank_of(now()))]))
    units = {str(pk): name for pk, name in Unit.objects.values_list("pk", "name")}
    stages = dict(Customer.Stage.choices)

    def text(column: str, value: Any) -> str:
        if column == "unit":
            return units.get(value or "", "")
        return str(stages[value]) if column == "stage" and value else str(value or "")

    found = [
        PreviewRow(
            str(label), text(name, rows[kept.pk][name]), text(name, rows[merged.pk][name]), text(name, result[name])
        )
        for name, label in LABELS.items()
    ]
    names = sorted({field[len(ATTRIBUTE) :] for field in (*first, *second) if field.startswith(ATTRIBUTE)})
    for name in names:
        values = [each.get(name) for each in (rows[kept.pk]["attributes"], rows[merged.pk]["attributes"])]
        texts = [shown(value) if value is not None else "" for value in (*values, result["attributes"].get(name))]
        found.append(PreviewRow(name, *texts))
    return [row for row in found if row.kept or row.merged]


def _id_of(customer: Customer | UUID) -> UUID:
    return customer.pk if isinstance(customer, Customer) else customer


def _records(ids: list[UUID]) -> QuerySet[Customer]:
    return Customer.records.defer("search_text").filter(pk__in=ids)
