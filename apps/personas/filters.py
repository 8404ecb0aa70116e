"""The filters of the persona list, the same for page and API."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.personas.models import Persona

STATES = (
    ("draft", _("Never published")),
    ("changed", _("Changed since it was published")),
    ("published", _("Published as it stands")),
    ("due", _("Review is due")),
)


class PersonaFilter(django_filters.FilterSet):
    """Search, kind, evidence level, state, and one's own."""

    q = django_filters.CharFilter(method="search", label=_("Search"), max_length=200)
    kind = django_filters.ChoiceFilter(choices=Persona.Kind.choices, label=_("Kind"), empty_label=_("Both kinds"))
    evidence_level = django_filters.ChoiceFilter(
        choices=Persona.Evidence.choices, label=_("Evidence level"), empty_label=_("All levels")
    )
    state = django_filters.ChoiceFilter(
        choices=STATES, method="in_state", label=_("State"), empty_label=_("Every state")
    )
    mine = django_filters.BooleanFilter(method="only_mine", label=_("I own it"))

    class Meta:
        model = Persona
        fields: tuple[str, ...] = ()

    def search(self, queryset: QuerySet[Persona], name: str, value: str) -> QuerySet[Persona]:
        """Every word in the name or in the few words, in any case."""
        for word in value.split()[:10]:
            queryset = queryset.filter(Q(name__icontains=word) | Q(tagline__icontains=word))
        return queryset

    def in_state(self, queryset: QuerySet[Persona], name: str, value: str) -> QuerySet[Persona]:
        """By what was published, or by the review day."""
        if value == "draft":
            return queryset.filter(published_version=None)
        if value == "changed":
            return queryset.filter(published_version__isnull=False).exclude(published_revision=F("revision"))
        if value == "published":
            return queryset.filter(published_revision=F("revision"))
        return queryset.filter(review_date__lt=timezone.localdate())

    def only_mine(self, queryset: QuerySet[Persona], name: str, value: bool) -> QuerySet[Persona]:
        """Those the reader owns, or all others."""
        user_id: Any = self.request.actor.user_id
        if user_id is None:
            return queryset.none() if value else queryset
        return queryset.filter(owner=user_id) if value else queryset.exclude(owner=user_id)
