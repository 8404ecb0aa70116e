"""The filters of the idea list, the same for page and API."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from apps.ideas.models import Idea
from apps.personas.models import Persona
from apps.touchpoints.models import Touchpoint


def touchpoints(request: Any) -> QuerySet[Touchpoint]:
    """The touchpoints of the organisation in force; read when the filter is used."""
    return Touchpoint.objects.order_by("name")


def personas(request: Any) -> QuerySet[Persona]:
    """The personas of the organisation in force; read when the filter is used."""
    return Persona.objects.order_by("name")


class IdeaFilter(django_filters.FilterSet):
    """Search, status, and what the idea is about."""

    q = django_filters.CharFilter(method="search", label=_("Search"), max_length=200)
    status = django_filters.MultipleChoiceFilter(choices=Idea.Status.choices, label=_("Status"))
    touchpoint = django_filters.ModelChoiceFilter(
        queryset=touchpoints, to_field_name="key", label=_("Touchpoint"), empty_label=_("All touchpoints")
    )
    persona = django_filters.ModelChoiceFilter(queryset=personas, label=_("Persona"), empty_label=_("All personas"))
    mine = django_filters.BooleanFilter(method="only_mine", label=_("Mine"))

    class Meta:
        model = Idea
        fields: tuple[str, ...] = ()

    def search(self, queryset: QuerySet[Idea], name: str, value: str) -> QuerySet[Idea]:
        """Every word in the title, in any case; served by the trigram index from three letters on."""
        condition = Q()
        for word in value.lower().split()[:10]:
            condition &= Q(title_lower__contains=word)
        return queryset.filter(condition)

    def only_mine(self, queryset: QuerySet[Idea], name: str, value: bool) -> QuerySet[Idea]:
        """Those under the reader's own name, or all others."""
        user_id = self.request.actor.user_id
        if user_id is None:
            return queryset.none() if value else queryset
        return queryset.filter(author=user_id) if value else queryset.exclude(author=user_id)
