"""The forms of the map pages. Shape only: what a field may hold is decided by the services."""

from __future__ import annotations

from typing import Any, Protocol

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.journeys import content
from apps.journeys.models import Card, Evidence, Journey, Metric, Step
from apps.journeys.people import colleagues, named
from apps.personas.models import Persona
from cxm.channels import Channel

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


class JourneySettingsForm(JourneyForm):
    """All that is said of a map as a whole."""

    kind = forms.ChoiceField(label=_("Shows the journey"), choices=Journey.Kind.choices, initial=Journey.Kind.AS_IS)
    as_is = forms.ModelChoiceField(
        label=_("Made from the map of how it is"),
        required=False,
        queryset=Journey.objects.none(),
        empty_label=_("None"),
    )
    owner = forms.ChoiceField(label=_("Owner"), required=False)
    review_date = forms.DateField(
        label=_("Review on"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("When it should be looked at again. The list shows what is overdue."),
    )

    field_order = ("name", "persona", "kind", "as_is", "owner", "review_date", "metric")

    def __init__(self, *args: Any, journey: Journey, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = Journey.objects.filter(archived_at=None, kind=Journey.Kind.AS_IS).exclude(pk=journey.pk)
        self.fields["as_is"].queryset = others.order_by("name")  # type: ignore[attr-defined]
        self.fields["owner"].choices = owner_choices(journey)  # type: ignore[attr-defined]


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
    """Name of a step and what is known of it."""

    name = forms.CharField(label=_("Name"), max_length=content.NAME_LENGTH)
    moment_of_truth = forms.BooleanField(
        label=_("Moment of truth"), required=False, help_text=_("What happens here decides whether customers stay.")
    )
    evidence = forms.ChoiceField(
        label=_("Evidence"), required=False, choices=[("", _("Nobody has said")), *Evidence.choices]
    )
    owner = forms.ChoiceField(label=_("Owner"), required=False)
    review_date = forms.DateField(
        label=_("Review on"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def __init__(
        self, *args: Any, step: Step | None = None, only_name: bool = False, asks_owner: bool = True, **kwargs: Any
    ) -> None:
        if step is not None:
            kwargs["initial"] = {name: getattr(step, name) for name in self.base_fields} | {"owner": step.owner_id}
        super().__init__(*args, **kwargs)
        if only_name:
            self.fields = {"name": self.fields["name"]}
        elif asks_owner:
            self.fields["owner"].choices = owner_choices(step)  # type: ignore[attr-defined]
        else:
            del self.fields["owner"]


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
    """Text of a card, how well it is backed, whose it is, and its picture."""

    text = forms.CharField(label=_("Text"), max_length=content.CARD_LENGTH, widget=forms.Textarea(attrs={"rows": 3}))
    evidence = forms.ChoiceField(label=_("Evidence"), choices=Evidence.choices, initial=Evidence.ASSUMPTION)
    owner = forms.ChoiceField(label=_("Owner"), required=False)
    picture = forms.FileField(
        label=_("Picture"),
        required=False,
        help_text=_("JPEG, PNG, GIF or WebP, at most 8 MB. It is drawn anew; the text of the card describes it."),
        widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/gif,image/webp"}),
    )
    remove_picture = forms.BooleanField(label=_("Remove the picture"), required=False)

    def __init__(
        self, *args: Any, card: Card | None = None, is_new: bool = False, asks_owner: bool = True, **kwargs: Any
    ) -> None:
        if card is not None:
            kwargs["initial"] = {"text": card.text, "evidence": card.evidence, "owner": card.owner_id}
        super().__init__(*args, **kwargs)
        if is_new:
            self.fields = {name: self.fields[name] for name in ("text", "evidence")}
            return
        if asks_owner:
            self.fields["owner"].choices = owner_choices(card)  # type: ignore[attr-defined]
        else:
            del self.fields["owner"]
        if card is not None and not card.image:
            del self.fields["remove_picture"]


class LibraryForm(forms.Form):
    """Looking for a touchpoint to place."""

    q = forms.CharField(
        label=_("Find a touchpoint"), required=False, max_length=120, widget=forms.TextInput(attrs={"type": "search"})
    )

    def text(self) -> str:
        """What is looked for; "" for everything and for what cannot be looked for."""
        return self.cleaned_data["q"] if self.is_valid() else ""


class NewTouchpointForm(forms.Form):
    """A touchpoint that the library gets while it is placed."""

    name = forms.CharField(label=_("Name"), max_length=content.NAME_LENGTH)
    channel = forms.ChoiceField(label=_("Channel"), choices=Channel.choices, initial=Channel.WEB)


class DraftOwner(Protocol):
    """A row of a map that may belong to a colleague."""

    owner_id: Any


def owner_choices(row: DraftOwner | None) -> list[tuple[str, Any]]:
    """The colleagues who may own something, and who owns it now though they left. One or two queries."""
    people = colleagues()
    choices: list[tuple[str, Any]] = [("", _("Nobody yet")), *((person.id, person.name) for person in people)]
    current = str(row.owner_id) if row is not None and row.owner_id else ""
    if current and all(key != current for key, _name in choices):
        choices += [(key, person.name) for key, person in named([current]).items()]
    return choices


class PublishForm(forms.Form):
    """Why a version is published."""

    purpose = forms.CharField(
        label=_("Purpose"),
        max_length=400,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("What changes for customers, or what you now know better."),
    )
