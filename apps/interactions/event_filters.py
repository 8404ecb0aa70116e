"""The filters of the list of interactions, the same for page and API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import django_filters
from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from apps.customers.timeline_filters import MomentField
from apps.interactions.models import Interaction
from cxm.channels import Channel
from cxm.partitions import during


class _MomentText(forms.CharField):
    """A day or a time, kept as text: its instant depends on the organisation's zone."""

    def clean(self, value: Any) -> str:
        """The text, when it can be read."""
        text = str(super().clean(value) or "").strip()
        MomentField(zone=ZoneInfo("UTC"), is_end=False).clean(text)
        return text


@extend_schema_field(OpenApiTypes.STR)
class PeriodFilter(django_filters.Filter):
    """Days are whole days in the organisation's zone, both inclusive; times are instants, ``to`` exclusive."""

    field_class = _MomentText

    def __init__(self, *, is_end: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.is_end = is_end

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        """The condition as a range of ids."""
        if not value:
            return qs
        zone = ZoneInfo(self.parent.request.organization.timezone)
        moment: datetime | None = MomentField(zone=zone, is_end=self.is_end).clean(value)
        moment = moment.astimezone(UTC) if moment else None
        return qs.filter(during(None, moment) if self.is_end else during(moment, None))


class InteractionFilter(django_filters.FilterSet):
    """Which interactions."""

    event = django_filters.CharFilter(label=_("Event"), max_length=200)
    customer = django_filters.UUIDFilter(field_name="customer_id", label=_("Customer"))
    channel = django_filters.MultipleChoiceFilter(choices=Channel.choices, label=_("Channel"))
    kind = django_filters.MultipleChoiceFilter(choices=Interaction.Kind.choices, label=_("Kind"))

    class Meta:
        model = Interaction
        fields: tuple[str, ...] = ()


InteractionFilter.base_filters["from"] = PeriodFilter(is_end=False, label=_("From"))
InteractionFilter.base_filters["to"] = PeriodFilter(is_end=True, label=_("To"))
