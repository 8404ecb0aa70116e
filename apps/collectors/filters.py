"""Filters of the list of places, for the API."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from apps.collectors.models import Collector
from apps.surveys.models import Survey


def surveys(_request: Any) -> QuerySet[Survey]:
    """The surveys to choose from."""
    return Survey.objects.order_by("name")


class CollectorFilter(django_filters.FilterSet):
    """Places of one survey, of a kind, open or ended."""

    survey = django_filters.ModelChoiceFilter(queryset=surveys, label=_("Survey"))
    kind = django_filters.MultipleChoiceFilter(choices=Collector.Kind.choices, label=_("Kind"))
    revoked = django_filters.BooleanFilter(
        field_name="revoked_at", lookup_expr="isnull", exclude=True, label=_("Ended")
    )

    class Meta:
        model = Collector
        fields = ("survey", "kind", "revoked")
