"""The filters of the lists of surveys and of one survey's answers, the same for page and API."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from apps.surveys.models import Response, Survey
from apps.touchpoints.models import Channel


class MomentField(forms.Field):
    """A day (``2026-11-21``) or a time in ISO 8601; a time without a zone is UTC."""

    def to_python(self, value: Any) -> date | datetime | None:
        if value in self.empty_values:
            return None
        try:
            if len(value) <= 10:
                return date.fromisoformat(value)
            moment = datetime.fromisoformat(value.replace(" ", "+"))
        except (ValueError, TypeError):
            raise ValidationError(_("Give a day such as 2026-11-21, or a time in ISO 8601."), code="time") from None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@extend_schema_field(OpenApiTypes.STR)
class MomentFilter(django_filters.Filter):
    """Days are whole days in the organisation's zone, both inclusive; times are instants, ``to`` exclusive."""

    field_class = MomentField

    def filter(self, qs: QuerySet[Any], value: date | datetime | None) -> QuerySet[Any]:
        if value is None:
            return qs
        if isinstance(value, datetime):
            return qs.filter(**{f"occurred_at__{'gte' if self.lookup_expr == 'gte' else 'lt'}": value})
        return qs.filter(**{f"day__{self.lookup_expr}": value})


class SurveyFilter(django_filters.FilterSet):
    """Search and the columns people sort surveys by."""

    q = django_filters.CharFilter(field_name="name", lookup_expr="icontains", label=lazy("Search"), max_length=120)
    state = django_filters.MultipleChoiceFilter(choices=Survey.State.choices, label=lazy("Status"))
    kind = django_filters.MultipleChoiceFilter(choices=Survey.Kind.choices, label=lazy("Kind"))
    touchpoint = django_filters.CharFilter(field_name="touchpoint__key", label=lazy("Touchpoint"), max_length=64)
    relationship = django_filters.BooleanFilter(label=lazy("Relationship"))

    class Meta:
        model = Survey
        fields: tuple[str, ...] = ()


class ResponseFilter(django_filters.FilterSet):
    """Which answers of one survey."""

    touchpoint = django_filters.CharFilter(field_name="touchpoint__key", label=lazy("Touchpoint"), max_length=64)
    channel = django_filters.MultipleChoiceFilter(choices=Channel.choices, label=lazy("Channel"))
    language = django_filters.CharFilter(label=lazy("Language"), max_length=16)
    state = django_filters.MultipleChoiceFilter(choices=Response.State.choices, label=lazy("State"))
    score = django_filters.NumberFilter(
        field_name="score", label=lazy("Score"), min_value=0, max_value=10, decimal_places=0
    )
    customer = django_filters.UUIDFilter(field_name="customer_id", label=lazy("Customer"))
    source_id = django_filters.CharFilter(label=lazy("Source id"), max_length=200)

    class Meta:
        model = Response
        fields: tuple[str, ...] = ()


ResponseFilter.base_filters["from"] = MomentFilter(lookup_expr="gte", label=lazy("From"))
ResponseFilter.base_filters["to"] = MomentFilter(lookup_expr="lte", label=lazy("To"))
