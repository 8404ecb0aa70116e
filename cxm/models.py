"""The base of every table that belongs to an organisation."""

from __future__ import annotations

from typing import Any

from django.core import checks
from django.db import models

from cxm.fields import TenantField, TenantRelation, tenant_field
from cxm.ids import uuid7


class TenantModel(models.Model):
    """A row of one organisation: ``id`` is a UUIDv7, ``tenant`` comes from the scope in force.

    In the database the key is (tenant_id, id), row-level security is forced, and foreign keys to other tenant tables
    carry tenant_id; ``cxm.db`` writes all of that from plain migrations. In Python ``pk`` stays one UUID.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = TenantField()

    class Meta:
        abstract = True

    @classmethod
    def check(cls, **kwargs: Any) -> list[checks.CheckMessage]:
        return [*super().check(**kwargs), *_tenancy_errors(cls)]


def _tenancy_errors(model: type[models.Model]) -> list[checks.CheckMessage]:
    """What a tenant model may not do, each with its check id (docs/tenancy.md lists them)."""
    errors: list[checks.CheckMessage] = []

    def error(number: int, message: str, obj: Any = model) -> None:
        errors.append(checks.Error(message, obj=obj, id=f"cxm.E{number:03}"))

    meta = model._meta
    if meta.parents:
        error(1, "multi-table inheritance between tenant tables is not supported")
    for field in meta.local_fields:
        relation = field.remote_field
        points_at_tenant = relation and not isinstance(relation.model, str) and tenant_field(relation.model)
        if points_at_tenant and not isinstance(field, TenantRelation):
            error(2, "use TenantForeignKey between tenant tables", field)
        if field.unique and not field.primary_key and not isinstance(field, TenantRelation):
            error(3, "unique=True would hold across organisations: use UniqueConstraint(fields=['tenant', ...])", field)
    for field in meta.local_many_to_many:
        through: Any = field.remote_field.through
        if through._meta.auto_created:
            error(4, "a many-to-many of a tenant model needs a TenantModel as through=", field)
    for constraint in meta.constraints:
        if isinstance(constraint, models.UniqueConstraint) and constraint.fields and constraint.fields[0] != "tenant":
            error(6, f"UniqueConstraint {constraint.name} must start with 'tenant'")
    for index in meta.indexes:
        if index.fields and index.fields[0].lstrip("-") != "tenant" and type(index) is models.Index:
            error(7, f"Index {index.name} must start with 'tenant': every query compares it first")
    return errors
