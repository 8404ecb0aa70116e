"""Making, changing and removing customers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.customers.identity import attach_entries, require_alone, with_identities
from apps.customers.identity_graph import Batch, Entry, Graph, load, look_up
from apps.customers.identity_profiles import refold
from apps.customers.identity_rules import EMAIL, PHONE, RECORD, USER, Claim, Node
from apps.customers.identity_statements import ATTRIBUTE, rank_of, said_by_values
from apps.customers.models import Customer
from apps.customers.rules import merge_attributes
from apps.customers.services.fields import clean_values, differs, locked, refuse_taken, require_branch
from apps.outbox.services import emit
from cxm.actor import Actor
from cxm.errors import DomainError


@transaction.atomic
def create_customer(*, actor: Actor, **values: Any) -> Customer:
    """Make a customer from any of FIELDS; `unit` is a Unit, its id, or None.

    With an external_id, an e-mail address or number of somebody known by it alone makes the two one person; any other
    one that is in use stays with whom it belongs to, and is shown by both. Raises DomainErrors naming each wrong
    field, Conflict for an external_id that exists.
    """
    cleaned = clean_values(values)
    require_branch(actor, cleaned.get("unit"))
    customer = with_identities(lambda: _create(actor, cleaned))
    record(actor=actor, action="customers.created", target=customer, fields=sorted(cleaned))
    return customer


def _create(actor: Actor, cleaned: Mapping[str, Any]) -> Customer:
    external_id = cleaned.get("external_id")
    refuse_taken(external_id, except_id=None)
    at = now()
    said = {field: each for field, each in said_by_values(cleaned, rank_of(at)).items() if each[0] is not None}
    nodes = _identifiers_of(cleaned)
    if external_id:
        if not actor.can_everywhere("customers.edit"):
            nodes = _unknown(nodes)
        graph, _changes = attach_entries([Entry(((USER, external_id), *nodes), at, said)])
        pk = graph.users[external_id].id
    else:
        graph = Graph(is_partial=True)
        pk = graph.bring_record(said, _unknown(nodes), at).id
        graph.settle()
    return Customer.records.defer("search_text").get(pk=pk)


@transaction.atomic
def update_customer(
    *,
    actor: Actor,
    customer: Customer | UUID,
    merge: bool = False,
    values: Mapping[str, Any] | None = None,
    **more: Any,
) -> Customer:
    """Change the given fields and leave the others. Nothing changed, nothing written.

    With `merge` the given attributes are laid over the stored ones (null takes one away), else they replace them. A
    new e-mail address or number becomes an identifier of the person unless it is somebody else's.
    Raises NotFound, DomainErrors naming each wrong field, Conflict for an external_id of somebody else.
    """
    cleaned = clean_values({**(values or {}), **more})
    return with_identities(lambda: _update(actor, customer, cleaned, merge))


def _update(actor: Actor, customer: Customer | UUID, cleaned: dict[str, Any], merge: bool) -> Customer:
    # The identity lock comes before that of the row, here as everywhere: else two could wait for each other.
    row = locked(customer)
    actor.require("customers.edit", row.unit_id)
    if "unit" in cleaned:
        require_branch(actor, cleaned["unit"])
    if merge and "attributes" in cleaned:
        merged = merge_attributes(row.attributes, cleaned["attributes"])
        cleaned = {**cleaned, "attributes": clean_values({"attributes": merged})["attributes"]}
    changed = {name: value for name, value in cleaned.items() if differs(getattr(row, name), value)}
    if not changed:
        return row
    if "external_id" in changed:
        refuse_taken(changed["external_id"], except_id=row.pk)
    _change(actor, row, changed)
    record(actor=actor, action="customers.updated", target=row, fields=sorted(changed))
    emit("customers.customer_updated", {"customer": str(row.pk), "fields": sorted(changed)})
    return Customer.records.select_related("unit").defer("search_text").get(pk=row.pk)


def _change(actor: Actor, row: Customer, changed: Mapping[str, Any]) -> None:
    at = now()
    if "external_id" in changed:
        require_alone()
        _rename(row, changed["external_id"], at)
    external_id = changed.get("external_id", row.external_id)
    nodes = _identifiers_of(changed)
    if nodes:
        _claim(actor, row.pk, external_id, nodes, at)
    said = said_by_values(changed, rank_of(at))
    if "attributes" in changed:
        gone = row.attributes.keys() - changed["attributes"].keys()
        said |= {ATTRIBUTE + name: (None, rank_of(at)) for name in gone}
    refold([row.pk], {row.pk: said})


@transaction.atomic
def upsert_customer(*, actor: Actor, external_id: str, values: Mapping[str, Any]) -> tuple[Customer, bool]:
    """Make the customer with this external_id, or change the one there is; (customer, whether it was made).

    Fields not given stay; attributes are merged. The external_id of a merged record means the person it is part of.
    Safe under parallel calls with the same id: one makes it, the others change it. Raises like create_customer and
    update_customer.
    """
    cleaned = clean_values({**values, "external_id": external_id})
    wanted = cleaned["external_id"]
    if wanted is None:
        raise DomainError(_("Send the customer's own id."), field="external_id", code="required")
    actor.require("customers.edit")
    person = person_of_external_id(wanted)
    if person is None:
        require_branch(actor, cleaned.get("unit"))
        made = with_identities(lambda: _create_unless_there(actor, cleaned))
        if made is not None:
            record(actor=actor, action="customers.created", target=made, fields=sorted(cleaned))
            return made, True
        person = person_of_external_id(wanted)
    others = {name: value for name, value in values.items() if name != "external_id"}
    return update_customer(actor=actor, customer=person or UUID(int=0), merge=True, values=others), False


def _create_unless_there(actor: Actor, cleaned: Mapping[str, Any]) -> Customer | None:
    return None if person_of_external_id(cleaned["external_id"]) else _create(actor, cleaned)


def person_of_external_id(external_id: str) -> UUID | None:
    """The person whose record, or one of whose merged records, has this external_id."""
    row = Customer.records.filter(external_id=external_id).values_list("pk", "merged_into_id").first()
    return row and (row[1] or row[0])


@transaction.atomic
def delete_customer(*, actor: Actor, customer: Customer | UUID) -> None:
    """Remove a customer with the records merged into it and the consent records.

    Answers stay, without a person. Raises NotFound.
    """
    with_identities(lambda: _delete(actor, customer))


def _delete(actor: Actor, customer: Customer | UUID) -> None:
    require_alone()
    row = locked(customer)
    actor.require("customers.edit", row.unit_id)
    record(actor=actor, action="customers.deleted", target=row)
    emit("customers.customer_deleted", {"customer": str(row.pk)})
    for merged in Customer.records.filter(merged_into=row.pk):
        merged.delete()
    row.delete()


@transaction.atomic
def record_customer_viewed(*, actor: Actor, customer: Customer) -> None:
    """Write down that somebody opened this profile."""
    record(actor=actor, action="customers.viewed", target=customer)


def _identifiers_of(values: Mapping[str, Any]) -> list[Node]:
    return [(kind, values[kind]) for kind in (EMAIL, PHONE) if values.get(kind)]


def _unknown(nodes: list[Node]) -> list[Node]:
    """Those of these identifiers that nobody has used."""
    return [node for node in nodes if node not in look_up(nodes).idents] if nodes else []


def _claim(actor: Actor, pk: UUID, external_id: str | None, nodes: list[Node], at: datetime) -> None:
    """Make identifiers of what a colleague typed. What is in use moves only to a user id, and only by the rules."""
    if external_id:
        if not actor.can_everywhere("customers.edit"):
            nodes = _unknown(nodes)
        attach_entries([Entry(((USER, external_id), *nodes), at)])
    elif nodes := _unknown(nodes):
        require_alone()
        graph = load(people=[pk])
        graph.bring(Batch([Entry((node,), at) for node in nodes]))
        has_home = any(ident.home == pk for ident in graph.idents.values())
        for node in nodes:
            if has_home:
                graph.idents[node].claim = Claim.by((RECORD, str(pk)), at)
            else:
                graph.idents[node].home = pk
                has_home = True
        graph.settle()


def _rename(row: Customer, external_id: str | None, at: datetime) -> None:
    """Give a record another external_id, or take it away, with everything that names its holder by it."""
    graph = load(people=[row.pk])
    record_ = graph.records[row.pk]
    old: Node = record_.node
    record_.external_id, record_.is_changed = external_id, True
    graph.users = {each.external_id: each for each in graph.records.values() if each.external_id}
    graph.rename_holder(old, record_.node, at)
    graph.settle()
