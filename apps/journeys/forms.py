"""The forms of the map pages. Shape only: what a field may hold is decided by the services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.journeys import content
from apps.journeys.models import Evidence, Metric
from apps.personas.models import Persona
from apps.touchpoints.models import Touchpoint

OUTLINE = [_("Become aware"), _("Compare and decide"), _("Buy"), _("Use"), _("Get help")]
STARTS = [("outline", _("A simple outline of five stages")), ("blank", _("Blank"))]


class JourneyForm(forms.Form):
    """Name, persona and metric of a map."""

    name = forms.CharField(label=_("Name"), max_length=content.NAME_LENGTH)
    persona = forms.ModelChoiceField(
        label=_("Persona"), required=False, queryset=Persona.objects.none(), empty_label=_("No persona yet")
    )
    metric = forms.ChoiceField(
        label=_("Compare the team's view with"),
        choices=Metric.choices,
        initial=Metric.NPS,
        help_text=_("One metric a map: the emotion lane and the stages show it."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["persona"].queryset = Persona.objects.filter(archived_at=None).order_by("name")  # type: ignore[attr-defined]


class NewJourneyForm(JourneyForm):
    """A first map in under a minute."""

    stages = forms.CharField(
        label=_("Stages, one on each line"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 7}),
        help_text=_("What customers pass through from their side, in order. Rename, move and add later."),
    )

    field_order = ("name", "persona", "stages", "metric")

    def stage_list(self) -> list[dict[str, Any]]:
        """The lines as stages of an API body, each with a step of the same name."""
        lines = [line.strip() for line in self.cleaned_data["stages"].splitlines() if line.strip()]
        return [{"name": line, "steps": [{"name": line}]} for line in lines]


class StageForm(forms.Form):
    """Name and duration of a stage."""

    name = forms.CharField(label=_("Name"), max_length=content.NAME_LENGTH)
    duration = forms.CharField(
        label=_("Duration"), required=False, max_length=content.DURATION_LENGTH, help_text=_("Such as 2–4 weeks.")
    )


class StepForm(forms.Form):
    """Name of a step."""

    name = forms.CharField(label=_("Name"), max_length=content.NAME_LENGTH)


class BeliefForm(forms.Form):
    """What the team thinks customers feel at a step."""

    belief = forms.FloatField(
        label=_("The team's view"),
        required=False,
        min_value=content.BELIEF_LOW,
        max_value=content.BELIEF_HIGH,
        help_text=_("From −2 (terrible) to 2 (wonderful). Leave empty when the team has not said."),
        widget=forms.NumberInput(attrs={"step": "0.1"}),
    )


class CardForm(forms.Form):
    """Text of a card and how well it is backed."""

    text = forms.CharField(label=_("Text"), max_length=content.CARD_LENGTH, widget=forms.Textarea(attrs={"rows": 3}))
    evidence = forms.ChoiceField(label=_("Evidence"), choices=Evidence.choices, initial=Evidence.ASSUMPTION)


class PlaceForm(forms.Form):
    """A touchpoint to place on a step."""

    touchpoint = forms.ModelChoiceField(
        label=_("Touchpoint"), queryset=Touchpoint.objects.none(), empty_label=_("Choose a touchpoint")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["touchpoint"].queryset = Touchpoint.objects.filter(archived_at=None).order_by("name")  # type: ignore[attr-defined]


class PublishForm(forms.Form):
    """Why a version is published."""

    purpose = forms.CharField(
        label=_("Purpose"),
        max_length=400,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("What changes for customers, or what you now know better."),
    )
