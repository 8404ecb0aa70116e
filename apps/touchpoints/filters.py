"""Filters of the touchpoint list, for the page and the API."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from apps.organizations.models import Unit
from apps.touchpoints.models import Channel, Touchpoint
from apps.touchpoints.queries import matching


def units(_request: Any) -> QuerySet[Unit]:
    """The units to choose from."""
    return Unit.objects.order_by("name")


class TouchpointFilter(django_filters.FilterSet):
    """Archived touchpoints are left out unless asked for."""

    q = django_filters.CharFilter(method="search", label=_("Search"))
    channel = django_filters.MultipleChoiceFilter(choices=Channel.choices, label=_("Channel"))
    owner_unit = django_filters.ModelChoiceFilter(queryset=units, label=_("Owner"))
    archived = django_filters.BooleanFilter(method="only_archived", label=_("Archived"))

    class Meta:
        model = Touchpoint
        fields = ("q", "channel", "owner_unit", "archived")

    def filter_queryset(self, queryset: QuerySet[Touchpoint]) -> QuerySet[Touchpoint]:
        """The filters of the query string; without one about archiving, those in use."""
        rows = super().filter_queryset(queryset)
        return rows if self.form.cleaned_data.get("archived") is not None else rows.filter(archived_at=None)

    def search(self, queryset: QuerySet[Touchpoint], _name: str, value: str) -> QuerySet[Touchpoint]:
        return matching(queryset, value)

    def only_archived(self, queryset: QuerySet[Touchpoint], _name: str, value: bool) -> QuerySet[Touchpoint]:
        return queryset.filter(archived_at__isnull=not value)
