"""Filters of the touchpoint list, for the page and the API."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import django_filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field

from apps.organizations.models import Unit
from apps.touchpoints.models import BackstageRecord, Channel, Touchpoint
from apps.touchpoints.queries import LACKS, known_of, matching, on_map
from apps.touchpoints.registry import Use


def units(_request: Any) -> QuerySet[Unit]:
    """The units to choose from."""
    return Unit.objects.order_by("name")


def lacking(_request: Any = None) -> list[tuple[str, Any]]:
    """What a touchpoint may lack."""
    words = {
        "owner": _("An owner"),
        "event": _("An event"),
        "survey": _("A survey"),
        "promise": _("A promise"),
        "backstage": _("A process, system or team"),
        "measured": _("30 answers in 90 days"),
    }
    return [(name, words[name]) for name in LACKS]


class TouchpointFilter(django_filters.FilterSet):
    """Archived touchpoints are left out unless asked for. `lacks` takes those that lack one of the things named."""

    q = django_filters.CharFilter(method="search", label=_("Search"))
    channel = django_filters.MultipleChoiceFilter(choices=Channel.choices, label=_("Channel"))
    owner_unit = django_filters.ModelChoiceFilter(queryset=units, label=_("Owner"))
    lacks = django_filters.MultipleChoiceFilter(choices=lacking, method="only_lacking", label=_("Lacks"))
    map = django_filters.UUIDFilter(method="only_on_map", label=_("Used on map"))
    archived = django_filters.BooleanFilter(method="only_archived", label=_("Archived"))

    class Meta:
        model = Touchpoint
        fields = ("q", "channel", "owner_unit", "lacks", "map", "archived")

    def filter_queryset(self, queryset: QuerySet[Touchpoint]) -> QuerySet[Touchpoint]:
        """The filters of the query string; without one about archiving, those in use."""
        rows = super().filter_queryset(queryset)
        return rows if self.form.cleaned_data.get("archived") is not None else rows.filter(archived_at=None)

    def search(self, queryset: QuerySet[Touchpoint], _name: str, value: str) -> QuerySet[Touchpoint]:
        return matching(queryset, value)

    def only_archived(self, queryset: QuerySet[Touchpoint], _name: str, value: bool) -> QuerySet[Touchpoint]:
        return queryset.filter(archived_at__isnull=not value)

    @extend_schema_field({"type": "array", "items": {"type": "string"}})
    def only_lacking(self, queryset: QuerySet[Touchpoint], _name: str, values: list[str]) -> QuerySet[Touchpoint]:
        rows = list(queryset.select_related(None))
        known = known_of(actor=self.request.actor, organization=self.request.organization, rows=rows)
        return queryset.filter(pk__in=[pk for pk, one in known.items() if any(one.lacks(name) for name in values)])

    def only_on_map(self, queryset: QuerySet[Touchpoint], _name: str, value: UUID) -> QuerySet[Touchpoint]:
        ids = list(queryset.order_by().values_list("pk", flat=True))
        return queryset.filter(pk__in=on_map(self.request.actor, ids, value))


class LibraryFilter(TouchpointFilter):
    """The same for the page, which offers the maps by name."""

    map = django_filters.ChoiceFilter(choices=(), method="only_on_map", label=_("Used on map"))

    def __init__(self, *args: Any, maps: list[Use], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters["map"].extra["choices"] = [(str(use.object_id), use.label) for use in maps]


class BackstageFilter(django_filters.FilterSet):
    """Processes, systems and teams by words, kind, owner and touchpoint."""

    q = django_filters.CharFilter(method="search", label=_("Search"))
    kind = django_filters.MultipleChoiceFilter(choices=BackstageRecord.Kind.choices, label=_("Kind"))
    owner_unit = django_filters.ModelChoiceFilter(queryset=units, label=_("Owner"))

    class Meta:
        model = BackstageRecord
        fields = ("q", "kind", "owner_unit")

    def search(self, queryset: QuerySet[BackstageRecord], _name: str, value: str) -> QuerySet[BackstageRecord]:
        text = value.replace("\x00", "")
        return queryset.filter(Q(name__icontains=text) | Q(description__icontains=text))
