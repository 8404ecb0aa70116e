"""Filters of the list of segments, for the page and the API."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from apps.segments.models import Segment


class SegmentFilter(django_filters.FilterSet):
    """By name, kind and state."""

    q = django_filters.CharFilter(method="search", label=_("Search"), max_length=200)
    kind = django_filters.ChoiceFilter(choices=Segment.Kind.choices, label=_("Kind"))
    state = django_filters.ChoiceFilter(choices=Segment.State.choices, label=_("State"))

    class Meta:
        model = Segment
        fields: tuple[str, ...] = ()

    def search(self, queryset: QuerySet[Segment], _name: str, value: str) -> QuerySet[Any]:
        """Segments whose name holds the text, in any case."""
        return queryset.filter(name__icontains=value.replace("\x00", ""))
