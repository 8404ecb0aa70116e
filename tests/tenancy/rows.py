"""One row of any model, filled by the types of its fields: what could leak is made before a test says it does not."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from typing import Any

from django.apps import apps
from django.db import models

from cxm.fields import TenantField, tenant_field

TOKEN = "leak-canary-7f3a"
"""Stands in every text field of a row made with ``token=TOKEN``: no answer to anybody else may contain it."""

_numbers = itertools.count(1)

_FILLED = {("insights.InsightLink", "touchpoint")}
"""Nullable references without which a check constraint refuses the row."""


def tenant_models() -> list[type[models.Model]]:
    """Every model whose rows belong to an organisation."""
    return [model for model in apps.get_models() if tenant_field(model) is not None and model._meta.managed]


def make_row(model: type[models.Model], token: str = "", **given: Any) -> Any:
    """Save one row in the organisation in force, with its required parents; text fields hold ``token``."""
    values = dict(given)
    for field in model._meta.local_fields:
        if field.name in values or field.attname in values or isinstance(field, TenantField):
            continue
        if field.primary_key or field.generated:
            continue
        if field.remote_field:
            if field.null and (model._meta.label, field.name) not in _FILLED:
                continue
            target = field.remote_field.model
            values[field.name] = make_row(target, token) if target is not model else None
        elif (value := _value(field, token)) is not None:
            values[field.name] = value
    return model._base_manager.create(**values)


def _value(field: models.Field[Any, Any], token: str) -> Any:
    number = next(_numbers)
    if field.choices:
        return next(iter(field.flatchoices))[0]
    if isinstance(field, models.EmailField):
        return f"{token or 'mail'}-{number}@example.org"
    if isinstance(field, models.SlugField | models.CharField | models.TextField):
        text = f"{token}-{number}" if token else f"t{number}"
        return text[: field.max_length] if field.max_length and field.max_length < len(text) else text
    if isinstance(field, models.JSONField):
        return field.get_default() if field.has_default() else {"note": token}
    if field.has_default() or field.null:
        return None
    if isinstance(field, models.UUIDField):
        return uuid.uuid4()
    if isinstance(field, models.BooleanField):
        return False
    if isinstance(field, models.IntegerField):
        return number
    if isinstance(field, models.FloatField):
        return 0.5
    if isinstance(field, models.DateTimeField):
        return None if field.auto_now or field.auto_now_add else dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    if isinstance(field, models.DateField):
        return dt.date(2026, 1, 1)
    raise TypeError(f"teach tests/tenancy/rows.py to fill {field}")
