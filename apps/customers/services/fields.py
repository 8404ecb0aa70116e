"""What services of customers share: fields cleaned, rights checked, rows locked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext as _

from apps.customers.models import Customer
from apps.customers.rules import CLEANERS
from apps.organizations.models import Unit
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, DomainErrors, FieldError, NotFound

FIELDS: Final = (
    "external_id", "email", "phone", "name", "stage", "account", "unit", "language", "timezone", "attributes",
)  # fmt: skip


def clean_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of FIELDS among `values`, cleaned. Raises DomainErrors with every field that is wrong."""
    cleaned: dict[str, Any] = {}
    errors: list[FieldError] = []
    for name, value in values.items():
        if name not in FIELDS:
            continue
        try:
            cleaned[name] = clean_value(name, value)
        except ValueError as error:
            errors.append({"field": name, "code": "invalid", "message": str(error)})
    if errors:
        raise DomainErrors(errors)
    return cleaned


def clean_value(name: str, value: Any) -> Any:
    """One field. Raises ValueError with a sentence."""
    if name == "stage":
        stage = value or Customer.Stage.CUSTOMER
        if stage not in Customer.Stage.values:
            raise ValueError(choose_one_of(Customer.Stage.values))
        return stage
    if name == "unit":
        if value is None or isinstance(value, Unit):
            return value
        unit = Unit.objects.filter(pk=value).first()
        if unit is None:
            raise ValueError(_("There is no such unit."))
        return unit
    return CLEANERS[name](value)


def choose_one_of(values: Iterable[str]) -> str:
    """The sentence for a value outside a short list."""
    return _("Choose one of %(values)s.") % {"values": ", ".join(values)}


def require_branch(actor: Actor, unit: Unit | None) -> None:
    """Raise unless the actor may keep customers in this unit; who has a branch only must choose a unit of it."""
    actor.require("customers.edit", unit.pk if unit else None)
    if unit is None and not actor.can_everywhere("customers.edit"):
        raise DomainError(_("Choose a unit of your own branch."), field="unit", code="required")


def refuse_taken(external_id: str | None, *, except_id: UUID | None) -> None:
    """Raise Conflict when another record has this external_id, one that was merged included."""
    if not external_id:
        return
    others = Customer.records.filter(external_id=external_id)
    if (others.exclude(pk=except_id) if except_id else others).exists():
        raise external_id_taken()


def external_id_taken() -> Conflict:
    """The refusal of an external_id in use."""
    return Conflict(_("Another customer has this external id."), field="external_id", code="taken")


def differs(old: Any, new: Any) -> bool:
    """Whether a field changes. Attributes are compared as JSON, where true is not 1."""
    if isinstance(new, dict):
        return json.dumps(old, sort_keys=True) != json.dumps(new, sort_keys=True)
    return bool(old != new)


def locked(customer: Customer | UUID) -> Customer:
    """The person's row, locked for the transaction. Raises NotFound."""
    pk = customer.pk if isinstance(customer, Customer) else customer
    row = Customer.objects.select_for_update().filter(pk=pk).first()
    if row is None:
        raise NotFound(_("There is no such customer."))
    return row
