"""The organisation tree: region, branch, ward, team."""

from collections.abc import Iterable
from datetime import date
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Model
from django.utils.text import slugify
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.organizations import queries
from apps.organizations.csv_files import RowError, read_rows
from apps.organizations.models import Organization, Unit
from apps.organizations.preferences import clean_text
from apps.organizations.services.members import MOST_ROWS, ImportOutcome
from apps.organizations.unit_tree import DEEPEST, UnitTree
from apps.outbox.services import emit
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, NotAllowed
from cxm.scope import current_tenant_id

MOST_UNITS = 10_000

#: What may be changed of a unit.
FIELDS = ("name", "code", "parent", "valid_from", "valid_to")


@transaction.atomic
def create_unit(
    *,
    actor: Actor,
    name: str,
    code: str = "",
    parent: Unit | None = None,
    valid_from: date | None = None,
    valid_to: date | None = None,
) -> Unit:
    """Add a unit below ``parent`` (None: at the top).

    Args:
        code: the unit's short name in files and other systems, unique; made from the name when empty.
        valid_from, valid_to: first and last day it exists, both inclusive; None is open.

    Raises DomainError naming the field, Conflict for a code in use.
    """
    _require_place(actor, parent)
    _lock_tree()
    tree = queries.unit_tree()
    if len(tree.units) >= MOST_UNITS:
        raise Conflict(_("An organisation has at most %(most)d units.") % {"most": MOST_UNITS})
    name = clean_text(name, field="name", longest=120)
    unit = Unit(
        name=name,
        code=_clean_code(code, tree) if code else _code_from(name, tree),
        parent=parent,
        valid_from=valid_from,
        valid_to=valid_to,
    )
    _require_order(unit)
    if parent is not None and tree.depth(parent.pk) >= DEEPEST:
        raise _too_deep()
    unit.save()
    record(actor=actor, action="organizations.unit_created", target=unit, fields=FIELDS)
    emit("organizations.unit_changed", {"unit": str(unit.pk)})
    return unit


@transaction.atomic
def update_unit(*, actor: Actor, unit: Unit, **changes: Any) -> Unit:
    """Change any of ``FIELDS`` of a unit; a new ``parent`` moves its whole branch. Same errors as ``create_unit``."""
    unknown = set(changes) - set(FIELDS)
    if unknown:
        raise TypeError(f"not fields of a unit: {sorted(unknown)}")
    actor.require("units.manage", unit.pk)
    _lock_tree()
    tree = queries.unit_tree()
    unit = Unit.objects.select_related("parent").get(pk=unit.pk)
    if "name" in changes:
        changes["name"] = clean_text(changes["name"], field="name", longest=120)
    if "code" in changes:
        changes["code"] = _clean_code(changes["code"], tree, own=unit.pk)
    if "parent" in changes and changes["parent"] != unit.parent:
        _require_move(actor, tree, unit, changes["parent"])
    changed = [name for name in FIELDS if name in changes and getattr(unit, name) != changes[name]]
    for name in changed:
        setattr(unit, name, changes[name])
    _require_order(unit)
    if changed:
        unit.save(update_fields=[*changed, "updated_at"])
        record(actor=actor, action="organizations.unit_updated", target=unit, fields=changed)
        emit("organizations.unit_changed", {"unit": str(unit.pk)})
    return unit


@transaction.atomic
def delete_unit(*, actor: Actor, unit: Unit) -> None:
    """Remove a unit that nothing refers to.

    Raises Conflict when it has units below it, members, customers or answers: those keep their unit, so that no
    published score moves. Such a unit is ended with its last day instead.
    """
    actor.require("units.manage", unit.pk)
    _lock_tree()
    unit = Unit.objects.select_for_update().get(pk=unit.pk)
    used_by = _first_referrer(unit)
    if used_by is not None:
        raise Conflict(
            _("This unit is in use (%(what)s). Give it a last day instead of deleting it.")
            % {"what": used_by._meta.verbose_name_plural},
            code="in_use",
        )
    record(actor=actor, action="organizations.unit_deleted", target=unit)
    unit.delete()


@transaction.atomic
def import_units(*, actor: Actor, content: bytes) -> ImportOutcome:
    """Make or change units from a CSV file with the columns ``code,name,parent_code,valid_from,valid_to``.

    A row whose code exists changes that unit; parents may stand below their children in the file. Dates are
    YYYY-MM-DD. Good rows are taken, the others returned with line, field and reason.
    """
    actor.require("units.manage")
    rows = read_rows(
        content, required=("code", "name"), optional=("parent_code", "valid_from", "valid_to"), most=MOST_ROWS
    )
    by_code = {unit.code: unit for unit in Unit.objects.all()}
    errors: list[RowError] = []
    waiting = rows
    accepted = 0
    while waiting:
        ready = [row for row in waiting if row.values.get("parent_code", "") in {"", *by_code}]
        if not ready:
            errors += [
                RowError(row.line, "parent_code", _("There is no unit with this code, neither here nor in the file."))
                for row in waiting
            ]
            break
        for row in ready:
            try:
                by_code[row.values["code"]] = _import_row(actor, row.values, by_code)
                accepted += 1
            except DomainError as error:
                errors.append(RowError(row.line, error.errors[0]["field"], error.errors[0]["message"]))
        taken = {row.line for row in ready}
        waiting = [row for row in waiting if row.line not in taken]
    return ImportOutcome(accepted, tuple(sorted(errors, key=lambda error: error.line)))


def unit_rows(units: Iterable[Unit]) -> list[list[object]]:
    """The tree as rows of the same CSV that ``import_units`` reads; ``units`` come with their parents."""
    return [
        [unit.code, unit.name, unit.parent.code if unit.parent else "", unit.valid_from or "", unit.valid_to or ""]
        for unit in units
    ]


CSV_COLUMNS = ("code", "name", "parent_code", "valid_from", "valid_to")


def _import_row(actor: Actor, values: dict[str, str], by_code: dict[str, Unit]) -> Unit:
    wanted: dict[str, Any] = {
        "name": values["name"],
        "parent": by_code.get(values.get("parent_code", "")),
        "valid_from": _date(values, "valid_from"),
        "valid_to": _date(values, "valid_to"),
    }
    if not values["code"]:
        raise DomainError(_("This must not be empty."), field="code", code="required")
    known = by_code.get(values["code"])
    with transaction.atomic():
        if known is None:
            return create_unit(actor=actor, code=values["code"], **wanted)
        return update_unit(actor=actor, unit=known, **wanted)


def _date(values: dict[str, str], field: str) -> date | None:
    text = values.get(field, "")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise DomainError(_("Write the day as YYYY-MM-DD."), field=field) from None


def _require_place(actor: Actor, parent: Unit | None) -> None:
    """Whoever manages only a branch adds and moves units inside it, not at the top."""
    actor.require("units.manage", parent.pk if parent else None)
    if parent is None and not actor.can_everywhere("units.manage"):
        raise NotAllowed(_("You manage one branch of the organisation: choose a unit above that lies in it."))


def _require_move(actor: Actor, tree: UnitTree, unit: Unit, parent: Unit | None) -> None:
    _require_place(actor, parent)
    if parent is None:
        return
    if tree.would_loop(unit.pk, parent.pk):
        raise DomainError(_("A unit cannot stand below itself."), field="parent", code="loop")
    if tree.depth(parent.pk) + tree.height(unit.pk) > DEEPEST:
        raise _too_deep()


def _too_deep() -> DomainError:
    return DomainError(
        _("The tree would be deeper than %(deepest)d levels.") % {"deepest": DEEPEST}, field="parent", code="too_deep"
    )


def _require_order(unit: Unit) -> None:
    if unit.valid_from and unit.valid_to and unit.valid_to < unit.valid_from:
        raise DomainError(_("The last day lies before the first."), field="valid_to")


def _clean_code(code: str, tree: UnitTree, own: UUID | None = None) -> str:
    code = clean_text(code, field="code", longest=64)
    if any(unit.code == code and unit.id != own for unit in tree.units.values()):  # type: ignore[attr-defined]
        raise Conflict(_("Another unit has the code “%(code)s”.") % {"code": code}, field="code")
    return code


def _code_from(name: str, tree: UnitTree) -> str:
    """A free code made from the name: ``north-2`` when ``north`` is taken."""
    taken = {unit.code for unit in tree.units.values()}  # type: ignore[attr-defined]
    stem = slugify(name)[:56] or "unit"
    code, number = stem, 1
    while code in taken:
        number += 1
        code = f"{stem}-{number}"
    return code


def _first_referrer(unit: Unit) -> type[Model] | None:
    """A model with a row that names this unit, whichever app it belongs to; one query a referring field."""
    for relation in Unit._meta.get_fields(include_hidden=True):
        if relation.auto_created and relation.is_relation and not relation.concrete:
            referring = relation.field  # type: ignore[union-attr]
            if referring.model._default_manager.filter(**{referring.name: unit}).exists():
                return referring.model
    return None


def _lock_tree() -> None:
    """Let changes of the tree wait for each other: two moves that are fine alone can make a loop together."""
    Organization.objects.select_for_update().only("id").get(pk=current_tenant_id())
