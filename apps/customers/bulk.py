"""Many customers at once, for imports: a handful of statements for a thousand rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.customers.identity import attach_entries, require_alone, with_identities
from apps.customers.identity_graph import Entry, Graph, look_up
from apps.customers.identity_rules import EMAIL, PHONE, USER, Node
from apps.customers.identity_statements import rank_of, said_by_values
from apps.customers.models import Customer
from apps.customers.services import FIELDS, clean_value
from apps.organizations.models import Unit
from apps.outbox.services import emit_many
from cxm.actor import Actor
from cxm.errors import FieldError
from cxm.ids import parse_uuid

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """One row to store: fields of ``services.FIELDS`` by name, as somebody typed them; those not given stay.

    An empty value empties the field. Attributes are laid over those there are (None takes one away). The row is found
    by ``external_id``, else by ``email``, else by ``phone``; one of the three is needed. ``unit`` is a Unit or its id.
    """

    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Upserted:
    """What became of one row, in the order of the rows.

    ``former`` holds the changed fields as they were ("unit" as an id's text, "attributes.plan" for one attribute, None
    for what was not there): what an undo has to write back. Of several rows of one person the first carries what all
    of them changed. It is empty for a person that was made. A row of a person that an earlier row of the same call has
    made is ``changed``. ``refused`` rows carry errors that name the field, and nothing of them was stored.
    """

    state: Literal["made", "changed", "unchanged", "refused"]
    customer_id: UUID | None = None
    former: Mapping[str, Any] = field(default_factory=dict)
    errors: Sequence[FieldError] = ()


def upsert_customers(*, actor: Actor, rows: Sequence[CustomerRow]) -> list[Upserted]:
    """Make or change the customers of these rows (best 1,000 at a time), all in one transaction.

    Later rows of one person win. A row that cannot be taken is refused by itself, the others are stored. An e-mail
    address or phone number of somebody known by it alone makes the two one person (identity.py); one that belongs to
    somebody with another user id stays theirs and is shown by both. Emits one
    ``customers.customer_created`` {"customers": [ids]} for all that are new, and one ``customers.customer_updated``
    {"customers": [ids], "fields": [names]} for all others.

    Raises NotAllowed when the actor may keep no customers at all.
    """
    actor.require("customers.edit")
    units = _units_of(rows)
    cleaned = [_clean(row, units) for row in rows]
    return with_identities(lambda: _store(actor, cleaned))


def _store(actor: Actor, cleaned: Sequence[tuple[Values, tuple[FieldError, ...]]]) -> list[Upserted]:
    errors = {position: found for position, (_values, found) in enumerate(cleaned) if found}
    values = {position: row for position, (row, _found) in enumerate(cleaned) if position not in errors}
    named = {position: _nodes_of(row) for position, row in values.items()}
    if not actor.can_everywhere("customers.edit"):
        known = look_up({node for nodes in named.values() for node in nodes})
        for position, row in values.items():
            if refusal := _outside_branch(actor, row, named[position][0], known):
                errors[position] = (refusal,)
                continue
            named[position] = [named[position][0], *(node for node in named[position][1:] if node not in known.idents)]
    at = now()
    rank = rank_of(at)
    kept = [position for position in values if position not in errors]
    entries = [
        Entry(tuple(named[position]), at, said_by_values(values[position], rank + order))
        for order, position in enumerate(kept)
    ]
    graph, changes = attach_entries(entries)
    former = {
        change.customer_id: {name: old for name, (old, _new) in change.fields.items()}
        for change in changes
        if change.fields
    }
    made, seen = set(graph.created), set[UUID]()
    found: dict[int, Upserted] = {position: Upserted("refused", errors=errors[position]) for position in errors}
    for position, entry in zip(kept, entries, strict=True):
        _identity, person = graph.identity_of(entry.nodes[0])
        if person is None:
            raise AssertionError("a user id, an address or a number belongs to somebody")
        if person in made:
            found[position] = Upserted("changed" if person in seen else "made", person)
        else:
            before = {} if person in seen else former.get(person, {})
            found[position] = Upserted("changed" if person in former else "unchanged", person, before)
        seen.add(person)
    if made or former:
        names = sorted({name for position in kept for name in values[position]})
        record(actor=actor, action="customers.upserted", fields=names)
    return [found[position] for position in range(len(cleaned))]


def _clean(row: CustomerRow, units: Mapping[UUID, Unit]) -> tuple[Values, tuple[FieldError, ...]]:
    """The row's fields, cleaned, and what is wrong with it."""
    cleaned: Values = {}
    errors: list[FieldError] = []
    for name in FIELDS:
        if name not in row.values:
            continue
        value = row.values[name]
        try:
            if name == "unit":
                cleaned[name] = _unit(value, units)
            elif name == "stage" and not value:
                continue
            else:
                cleaned[name] = clean_value(name, value)
        except ValueError as error:
            errors.append({"field": name, "code": "invalid", "message": str(error)})
        except (TypeError, AttributeError):
            errors.append({"field": name, "code": "invalid", "message": _("Send text.")})
    if not errors and not _nodes_of(cleaned):
        message = _("Give an external id, an e-mail address or a phone number.")
        errors.append({"field": "external_id", "code": "required", "message": message})
    return cleaned, tuple(errors)


def _nodes_of(values: Values) -> list[Node]:
    pairs = ((USER, values.get("external_id")), (EMAIL, values.get("email")), (PHONE, values.get("phone")))
    return [(kind, value) for kind, value in pairs if value]


def _units_of(rows: Sequence[CustomerRow]) -> dict[UUID, Unit]:
    """The units that rows name by id. One query, none when no row names one."""
    wanted = {pk for row in rows if (pk := parse_uuid(row.values.get("unit"))) is not None}
    return {unit.pk: unit for unit in Unit.objects.filter(pk__in=wanted)} if wanted else {}


def _unit(value: Any, units: Mapping[UUID, Unit]) -> Unit | None:
    if not value or isinstance(value, Unit):
        return value or None
    pk = parse_uuid(value)
    unit = units.get(pk) if pk else None
    if unit is None:
        raise ValueError(_("There is no such unit."))
    return unit


def _outside_branch(actor: Actor, values: Values, best: Node, known: Graph) -> FieldError | None:
    """The refusal of a row that is not of the actor's branch."""
    unit = values.get("unit")
    if best in known.idents or (best[0] == USER and best[1] in known.users):
        person = known.identity_of(best)[1]
        of_person = known.units.get(person) if person else None
        if of_person is None or not actor.can("customers.edit", of_person):
            message = _("This customer is not of your branch.")
            return {"field": "external_id", "code": "not_allowed", "message": message}
        if "unit" not in values:
            return None
    if unit is None or not actor.can("customers.edit", unit.pk):
        return {"field": "unit", "code": "required", "message": _("Choose a unit of your own branch.")}
    return None


@transaction.atomic
def delete_customers(*, actor: Actor, customers: Collection[UUID]) -> int:
    """Remove these people with their identifiers and memberships (best 500 at a time); how many there were.

    For those that only an import knows: who was merged with somebody, or is merged into somebody, is left. Emits
    ``customers.customer_deleted`` for each.
    """
    actor.require("customers.edit")
    return with_identities(lambda: _delete_all(actor, customers))


def _delete_all(actor: Actor, customers: Collection[UUID]) -> int:
    require_alone()
    joined = Customer.records.filter(merged_into__in=customers).values("merged_into")
    rows = Customer.objects.filter(pk__in=customers).exclude(pk__in=joined)
    found = list(rows.values_list("pk", flat=True))
    if found:
        record(actor=actor, action="customers.deleted", fields=["import"])
        emit_many("customers.customer_deleted", [{"customer": str(pk)} for pk in found])
        Customer.records.filter(pk__in=found).delete()
    return len(found)
