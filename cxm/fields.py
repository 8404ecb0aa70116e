"""The fields that make a table belong to an organisation and keep its references inside it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks
from django.db import models

from cxm.scope import current_tenant_id


def tenant_field(model: type[models.Model]) -> TenantField | None:
    """The :class:`TenantField` of a model, or None when the model is global.

    The presence of this field is the only mark of a tenant table. It is a field and not a base class because fields
    survive into migration state (historical models), where abstract bases do not.
    """
    for field in model._meta.local_fields:
        if isinstance(field, TenantField):
            return field
    return None


class TenantField(models.ForeignKey):
    """The organisation a row belongs to: column ``tenant_id``, filled from the scope, never edited."""

    def __init__(self, to: Any = None, on_delete: Any = models.PROTECT, **kwargs: Any) -> None:
        kwargs.update(db_index=False, editable=False, default=current_tenant_id)
        kwargs.setdefault("related_name", "+")
        super().__init__(to or settings.CXM_TENANT_MODEL, on_delete, **kwargs)

    def deconstruct(self) -> tuple[str, str, Any, dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        for fixed in ("db_index", "editable", "default", "db_constraint"):
            kwargs.pop(fixed, None)
        return name, path, args, kwargs

    @property
    def db_constraint(self) -> bool:
        """Whether the database checks the organisation's row itself.

        A table with a required TenantForeignKey does not need it: its parent row proves the organisation, and the
        second check costs half an insert again (tenancy.md Q9).
        """
        model = getattr(self, "model", None)
        if model is None:
            return True
        return not any(
            isinstance(f, TenantRelation) and not f.null and f.db_constraint  # type: ignore[attr-defined]
            for f in model._meta.local_fields
        )

    @db_constraint.setter
    def db_constraint(self, value: bool) -> None:
        """Django assigns it in ``ForeignKey.__init__``; it is decided above."""


class TenantRelation:
    """Mixin of relations between tenant tables: every JOIN compares the organisation as well as the id.

    The schema editor makes the constraint and its index composite in the same way.
    """

    def get_joining_fields(self, reverse_join: bool = False) -> tuple[tuple[Any, Any], ...]:
        pairs = super().get_joining_fields(reverse_join)  # type: ignore[misc]
        ours = tenant_field(self.model)  # type: ignore[attr-defined]
        theirs = tenant_field(self.remote_field.model)  # type: ignore[attr-defined]
        if ours is None or theirs is None:
            return pairs
        return (((theirs, ours) if reverse_join else (ours, theirs)), *pairs)

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        errors = super().check(**kwargs)  # type: ignore[misc]
        target = self.remote_field.model  # type: ignore[attr-defined]
        if not isinstance(target, str) and tenant_field(target) is None:
            errors.append(checks.Error("TenantForeignKey must point at a tenant model", obj=self, id="cxm.E005"))
        return errors


class TenantForeignKey(TenantRelation, models.ForeignKey):
    """A foreign key from one tenant table to another: (tenant_id, x_id) references (tenant_id, id)."""


class TenantOneToOneField(TenantRelation, models.OneToOneField):
    """A one-to-one relation between tenant tables, unique inside the organisation."""
