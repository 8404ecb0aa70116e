"""The filters of opportunities, the same for list, boards, matrix and API."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.insights.filters import maps, personas, touchpoints
from apps.journeys.models import Card, Journey, Step
from apps.opportunities.models import SCORES, Opportunity, OpportunityInsight


def owners(request: Any) -> QuerySet[User]:
    """Those who own an opportunity; read when the filter is used."""
    return User.objects.filter(pk__in=Opportunity.objects.values("owner")).order_by("name", "email")


class OpportunityFilter(django_filters.FilterSet):
    """By words, place, persona, state and who owns it."""

    q = django_filters.CharFilter(method="search", label=_("Search"), max_length=200)
    status = django_filters.MultipleChoiceFilter(choices=Opportunity.Status.choices, label=_("Status"))
    horizon = django_filters.MultipleChoiceFilter(choices=Opportunity.Horizon.choices, label=_("Horizon"))
    journey = django_filters.ModelChoiceFilter(queryset=maps, label=_("Journey map"), empty_label=_("All maps"))
    stage = django_filters.UUIDFilter(method="in_stage", label=_("Stage"), widget=forms.HiddenInput)
    step = django_filters.UUIDFilter(method="at_step", label=_("Step"), widget=forms.HiddenInput)
    card = django_filters.UUIDFilter(field_name="card_id", label=_("Card"), widget=forms.HiddenInput)
    touchpoint = django_filters.ModelChoiceFilter(
        queryset=touchpoints, to_field_name="key", label=_("Touchpoint"), empty_label=_("All touchpoints")
    )
    persona = django_filters.ModelChoiceFilter(queryset=personas, label=_("Persona"), empty_label=_("All personas"))
    owner = django_filters.ModelChoiceFilter(queryset=owners, label=_("Owner"), empty_label=_("Everybody"))
    insight = django_filters.UUIDFilter(method="from_insight", label=_("Insight"), widget=forms.HiddenInput)
    unscored = django_filters.BooleanFilter(method="not_scored", label=_("A score is missing"))

    class Meta:
        model = Opportunity
        fields: tuple[str, ...] = ()

    def search(self, queryset: QuerySet[Opportunity], _name: str, value: str) -> QuerySet[Opportunity]:
        """Every word in title, description or pain point, in any case."""
        condition = Q()
        for word in value.replace("\x00", "").lower().split()[:10]:
            condition &= Q(title_lower__contains=word) | Q(description__icontains=word) | Q(pain_point__icontains=word)
        return queryset.filter(condition)

    def in_stage(self, queryset: QuerySet[Opportunity], _name: str, value: Any) -> QuerySet[Opportunity]:
        """At a step of the stage, as the draft has it."""
        return queryset.filter(step_id__in=Step.objects.filter(stage_id=value).values("pk"))

    def at_step(self, queryset: QuerySet[Opportunity], _name: str, value: Any) -> QuerySet[Opportunity]:
        """At the step, or written from a card that stands on it."""
        return queryset.filter(Q(step_id=value) | Q(card_id__in=Card.objects.filter(step_id=value).values("pk")))

    def from_insight(self, queryset: QuerySet[Opportunity], _name: str, value: Any) -> QuerySet[Opportunity]:
        """Those an insight speaks for."""
        return queryset.filter(pk__in=OpportunityInsight.objects.filter(insight_id=value).values("opportunity_id"))

    def not_scored(self, queryset: QuerySet[Opportunity], _name: str, value: bool) -> QuerySet[Opportunity]:
        """Those with a score missing, or those with all three."""
        missing = Q()
        for name in SCORES:
            missing |= Q(**{f"{name}__isnull": True})
        return queryset.filter(missing) if value else queryset.exclude(missing)


def journey_chosen(found: OpportunityFilter) -> Journey | None:
    """The map the list is about, where one is chosen."""
    return found.form.cleaned_data.get("journey") if found.is_bound and found.form.is_valid() else None
