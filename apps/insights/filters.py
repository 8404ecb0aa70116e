"""The filters of the list of insights, the same for page and API."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils.timezone import localdate
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.insights.models import Insight, InsightLink
from apps.insights.places import place_at
from apps.insights.queries import at_step, old_after_months, old_before
from apps.journeys.models import Journey, Step
from apps.journeys.queries import journeys
from apps.personas.models import Persona
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor
from cxm.ids import parse_uuid


def personas(request: Any) -> QuerySet[Persona]:
    """The personas of the organisation in force; read when the filter is used."""
    return Persona.objects.order_by("name")


def maps(request: Any) -> QuerySet[Journey]:
    """The maps the reader may see; read when the filter is used."""
    rows = journeys(request.actor) if request.actor.can("journeys.view") else Journey.objects.none()
    return rows.order_by("name")


def touchpoints(request: Any) -> QuerySet[Touchpoint]:
    """The touchpoints of the organisation in force; read when the filter is used."""
    return Touchpoint.objects.order_by("name")


class InsightFilter(django_filters.FilterSet):
    """By what it is, where it belongs, how people felt, and how old it is."""

    q = django_filters.CharFilter(method="search", label=_("Search"), max_length=200)
    kind = django_filters.MultipleChoiceFilter(choices=Insight.Kind.choices, label=_("Kind"))
    persona = django_filters.ModelChoiceFilter(queryset=personas, label=_("Persona"), empty_label=_("All personas"))
    journey = django_filters.ModelChoiceFilter(
        queryset=maps, method="on_map", label=_("Journey map"), empty_label=_("All maps")
    )
    step = django_filters.UUIDFilter(method="at_step", label=_("Step"), widget=forms.HiddenInput)
    card = django_filters.UUIDFilter(method="at_card", label=_("Card"), widget=forms.HiddenInput)
    touchpoint = django_filters.ModelChoiceFilter(
        queryset=touchpoints,
        to_field_name="key",
        method="at_touchpoint",
        label=_("Touchpoint"),
        empty_label=_("All touchpoints"),
    )
    score = django_filters.ChoiceFilter(
        choices=[
            ("positive", _("Good (above 0)")),
            ("neutral", _("Neither (0)")),
            ("negative", _("Bad (below 0)")),
            ("none", _("Not scored")),
        ],
        method="by_score",
        label=_("Score"),
    )
    age = django_filters.ChoiceFilter(
        choices=[("recent", _("Recent")), ("old", _("Old")), ("undated", _("Without a date"))],
        method="by_age",
        label=_("Age"),
    )

    class Meta:
        model = Insight
        fields: tuple[str, ...] = ()

    def search(self, queryset: QuerySet[Insight], _name: str, value: str) -> QuerySet[Insight]:
        """Every word in title, text or source, in any case."""
        condition = Q()
        for word in value.replace("\x00", "").lower().split()[:10]:
            condition &= Q(title_lower__contains=word) | Q(body__icontains=word) | Q(source__icontains=word)
        return queryset.filter(condition)

    def on_map(self, queryset: QuerySet[Insight], _name: str, value: Journey | None) -> QuerySet[Insight]:
        """Linked to a step or card of the map."""
        return queryset if value is None else queryset.filter(pk__in=_linked(journey=value))

    def at_step(self, queryset: QuerySet[Insight], _name: str, value: Any) -> QuerySet[Insight]:
        """Linked to the step, or to a card on it."""
        return queryset.filter(at_step(value))

    def at_card(self, queryset: QuerySet[Insight], _name: str, value: Any) -> QuerySet[Insight]:
        """Linked to the card."""
        return queryset.filter(pk__in=_linked(card_id=value))

    def at_touchpoint(self, queryset: QuerySet[Insight], _name: str, value: Touchpoint | None) -> QuerySet[Insight]:
        """Linked to the touchpoint."""
        return queryset if value is None else queryset.filter(pk__in=_linked(touchpoint=value))

    def by_score(self, queryset: QuerySet[Insight], _name: str, value: str) -> QuerySet[Insight]:
        """By the sign of the score."""
        conditions = {
            "positive": Q(score__gt=0),
            "neutral": Q(score=0),
            "negative": Q(score__lt=0),
            "none": Q(score__isnull=True),
        }
        return queryset.filter(conditions[value])

    def by_age(self, queryset: QuerySet[Insight], _name: str, value: str) -> QuerySet[Insight]:
        """Old by the organisation's own measure. One query more."""
        if value == "undated":
            return queryset.filter(source_date__isnull=True)
        last = old_before(old_after_months(), localdate())
        return queryset.filter(**{"learned__lte" if value == "old" else "learned__gt": last})


def _linked(**where: Any) -> QuerySet[InsightLink, Any]:
    return InsightLink.objects.filter(**where).values("insight_id")


def name_places(form: Any, actor: Actor) -> None:
    """Give the hidden filters for steps and cards words for their chips, and the one for steps a list of the map's.

    At most five queries, and none without a map.
    """
    journey = parse_uuid(form.data.get("journey"))
    if journey is None:
        return
    for name in ("step", "card"):
        pk = parse_uuid(form.data.get(name))
        place = place_at(actor, journey, **{name: pk}) if pk else None
        form.fields[name].choices = [(str(pk), place.label)] if place else []
    steps = Step.objects.filter(stage__journey=journey) if actor.can("journeys.edit") else Step.objects.none()
    choices = [
        (str(pk), step if step == stage else f"{stage} › {step}")
        for pk, step, stage in steps.order_by("stage__position", "position").values_list("pk", "name", "stage__name")
    ]
    if choices:
        form.fields["step"].widget = forms.Select(choices=[("", gettext("All steps")), *choices])
