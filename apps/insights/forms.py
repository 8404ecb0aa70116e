"""The forms of the insight pages. Shape only: what a field may hold is decided by the services."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.insights.models import Insight
from apps.insights.places import Place, Ref, resolve
from apps.insights.queries import ShownInsight
from apps.insights.registry import Linked, opportunities_by_id
from apps.insights.services import (
    LONGEST_LINK,
    LONGEST_SOURCE,
    LONGEST_TEXT,
    LONGEST_TITLE,
    MOST_PEOPLE,
    OLDEST_MONTHS,
)
from apps.journeys.models import Step
from apps.personas.models import Persona
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor
from cxm.charts.figures import rounded, signed
from cxm.ids import parse_uuid

MOST_STEPS = 1_000
"""Steps offered in a list to choose from; what lies beyond is linked from the map itself."""
MOODS = {
    -2.0: gettext_lazy("very bad"),
    -1.0: gettext_lazy("bad"),
    0.0: gettext_lazy("neither good nor bad"),
    1.0: gettext_lazy("good"),
    2.0: gettext_lazy("very good"),
}


def score_in_words(score: float) -> str:
    """ "−1 bad"; between two whole marks the number alone."""
    figure = signed(rounded(score, 0 if score == int(score) else 1))
    return f"{figure} {MOODS[score]}" if score in MOODS else figure


def step_choices(actor: Actor) -> list[tuple[str, Any]]:
    """The steps of the maps that are not archived, by map, as choices `<journey>:<step>`. One query."""
    rows = Step.objects.filter(stage__journey__archived_at=None) if actor.can("journeys.edit") else Step.objects.none()
    groups: dict[tuple[UUID, str], list[tuple[str, str]]] = {}
    found = rows.order_by("stage__journey__name", "stage__journey", "stage__position", "position").values_list(
        "stage__journey", "stage__journey__name", "stage__name", "pk", "name"
    )
    for journey, name, stage, pk, step in found[:MOST_STEPS]:
        label = step if step == stage else f"{stage} › {step}"
        groups.setdefault((journey, name), []).append((f"{journey}:{pk}", label))
    return [(name, choices) for (_journey, name), choices in groups.items()]


def touchpoint_choices() -> list[tuple[str, str]]:
    """The touchpoints of the library, by name. One query."""
    return list(Touchpoint.objects.filter(archived_at=None).order_by("name").values_list("key", "name"))


@dataclass(frozen=True)
class LinkChoice:
    """A place an insight may belong to, as a box to tick: `step:<journey>:<id>`, `touchpoint:<key>`, ..."""

    value: str
    label: str


def place_label(place: Place) -> str:
    """ "Card “Nobody answers” at Call, on Moving house"."""
    if place.card:
        return _("Card “%(card)s” at %(step)s, on %(map)s") % {
            "card": place.card,
            "step": place.step,
            "map": place.journey,
        }
    return _("Step %(step)s, on %(map)s") % {"step": place.step, "map": place.journey}


def choices_of(shown: ShownInsight) -> list[LinkChoice]:
    """Where an insight belongs already."""
    found = [_of_place(place) for place in shown.places]
    found += [_of_touchpoint(touchpoint) for touchpoint in shown.touchpoints]
    return found + [_of_opportunity(linked) for linked in shown.opportunities]


def choices_from(actor: Actor, query: QueryDict) -> list[LinkChoice]:
    """The places a query string names (journey with step or card, touchpoint, opportunity); wrong ones are left out."""
    found = []
    journey, step, card = (parse_uuid(query.get(name)) for name in ("journey", "step", "card"))
    if journey and (step or card):
        ref = Ref(journey, card=card) if card else Ref(journey, step=step)
        found += [_of_place(place) for place in resolve(actor, [ref]).values()]
    key = query.get("touchpoint", "")
    if key and "\x00" not in key:
        found += [_of_touchpoint(row) for row in Touchpoint.objects.filter(key=key)]
    opportunity = parse_uuid(query.get("opportunity"))
    if opportunity:
        found += [_of_opportunity(linked) for linked in opportunities_by_id(actor, [opportunity])]
    return found


def _of_place(place: Place) -> LinkChoice:
    kind, pk = ("card", place.ref.card) if place.ref.card else ("step", place.ref.step)
    return LinkChoice(f"{kind}:{place.ref.journey}:{pk}", place_label(place))


def _of_touchpoint(touchpoint: Touchpoint) -> LinkChoice:
    return LinkChoice(f"touchpoint:{touchpoint.key}", _("Touchpoint %(name)s") % {"name": touchpoint.name})


def _of_opportunity(linked: Linked) -> LinkChoice:
    return LinkChoice(f"opportunity:{linked.pk}", _("Opportunity “%(title)s”") % {"title": linked.label})


def _links(values: Sequence[str]) -> dict[str, Any]:
    """Ticked boxes as the services take links."""
    links: dict[str, Any] = {"steps": [], "cards": [], "touchpoints": [], "opportunities": []}
    for value in values:
        kind, _colon, rest = value.partition(":")
        if kind in ("step", "card"):
            journey, _colon, pk = rest.partition(":")
            links[f"{kind}s"].append({"journey": journey, kind: pk})
        else:
            links["touchpoints" if kind == "touchpoint" else "opportunities"].append(rest)
    return links


class InsightForm(forms.Form):
    """Write down what was learned. A title is enough; where it comes from makes it worth something."""

    title = forms.CharField(
        label=gettext_lazy("What was learned, in one sentence"),
        max_length=LONGEST_TITLE,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    body = forms.CharField(
        label=gettext_lazy("Notes or quote"),
        required=False,
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=Insight.Kind.choices, initial=Insight.Kind.INTERVIEW)
    score = forms.TypedChoiceField(
        label=gettext_lazy("How did people feel?"), required=False, coerce=float, empty_value=None, choices=()
    )
    people = forms.IntegerField(
        label=gettext_lazy("How many people does it speak for?"),
        initial=1,
        min_value=1,
        max_value=MOST_PEOPLE,
        help_text=gettext_lazy("One for an interview, the number of participants for a study."),
    )
    source = forms.CharField(
        label=gettext_lazy("Source"),
        required=False,
        max_length=LONGEST_SOURCE,
        help_text=gettext_lazy("Who, what and where: “Interview with a first-time buyer, Leeds”."),
    )
    source_date = forms.DateField(
        label=gettext_lazy("When was it learned?"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    link = forms.CharField(
        label=gettext_lazy("Link"),
        required=False,
        max_length=LONGEST_LINK,
        help_text=gettext_lazy("To the recording, report or folder."),
    )
    persona = forms.ModelChoiceField(
        label=gettext_lazy("Persona"),
        required=False,
        queryset=Persona.objects.none(),
        empty_label=gettext_lazy("Nobody in particular"),
    )
    consent = forms.ChoiceField(
        label=gettext_lazy("Consent"),
        choices=Insight.Consent.choices,
        help_text=gettext_lazy("What was said without consent is read only by those who may edit insights."),
    )
    customer = forms.CharField(
        label=gettext_lazy("Customer"),
        required=False,
        max_length=254,
        help_text=gettext_lazy("External id or e-mail address. If the person is erased one day, their words go too."),
    )
    links = forms.MultipleChoiceField(
        label=gettext_lazy("Belongs to"), required=False, widget=forms.CheckboxSelectMultiple, choices=()
    )
    add_step = forms.ChoiceField(label=gettext_lazy("Add a step of a map"), required=False, choices=())
    add_touchpoint = forms.ChoiceField(label=gettext_lazy("Add a touchpoint"), required=False, choices=())

    def __init__(
        self,
        *args: Any,
        actor: Actor,
        links: Sequence[LinkChoice] = (),
        insight: Insight | None = None,
        initial: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        values = dict(initial or {})
        if insight is not None:
            values = {name: getattr(insight, name) for name in _PLAIN} | {"persona": insight.persona_id} | values
            values["customer"] = str(insight.customer_id or "")
        values["links"] = [link.value for link in links]
        kwargs["initial"] = values
        super().__init__(*args, **kwargs)
        marks = dict.fromkeys([2.0, 1.0, 0.0, -1.0, -2.0])
        if insight is not None and insight.score is not None:
            marks = dict.fromkeys(sorted({*marks, insight.score}, reverse=True))
        score = self.fields["score"]
        score.choices = [("", _("Not scored")), *((str(mark), score_in_words(mark)) for mark in marks)]  # type: ignore[attr-defined]
        self.fields["persona"].queryset = Persona.objects.order_by("name")  # type: ignore[attr-defined]
        self.fields["add_step"].choices = [("", "–"), *step_choices(actor)]  # type: ignore[attr-defined]
        self.fields["add_touchpoint"].choices = [("", "–"), *touchpoint_choices()]  # type: ignore[attr-defined]
        if links:
            self.fields["links"].choices = [(link.value, link.label) for link in links]  # type: ignore[attr-defined]
        else:
            del self.fields["links"]
        if not actor.can("customers.view"):
            del self.fields["customer"]

    def values(self, *, with_opportunities: bool) -> dict[str, Any]:
        """What was typed, as the services take it."""
        data = self.cleaned_data
        values = {name: data[name] for name in (*_PLAIN, "persona", "customer") if name in data}
        ticked = [*data.get("links", [])]
        if data["add_step"]:
            ticked.append(f"step:{data['add_step']}")
        if data["add_touchpoint"]:
            ticked.append(f"touchpoint:{data['add_touchpoint']}")
        links = _links(ticked)
        if not with_opportunities:
            del links["opportunities"]
        return {**values, **links}


_PLAIN = ("title", "body", "kind", "score", "people", "source", "source_date", "link", "consent")


class LinkForm(forms.Form):
    """Link what was selected to a step or a touchpoint."""

    add_step = forms.ChoiceField(label=gettext_lazy("Step"), required=False, choices=())
    add_touchpoint = forms.ChoiceField(label=gettext_lazy("Touchpoint"), required=False, choices=())

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["add_step"].choices = [("", _("No step")), *step_choices(actor)]  # type: ignore[attr-defined]
        self.fields["add_touchpoint"].choices = [("", _("No touchpoint")), *touchpoint_choices()]  # type: ignore[attr-defined]

    def links(self) -> dict[str, Any]:
        """The places chosen, as the services take them."""
        data = self.cleaned_data
        ticked = [f"step:{data['add_step']}"] if data["add_step"] else []
        ticked += [f"touchpoint:{data['add_touchpoint']}"] if data["add_touchpoint"] else []
        links = _links(ticked)
        del links["opportunities"]
        return links


class SettingsForm(forms.Form):
    """From when on an insight is marked as old."""

    months = forms.IntegerField(
        label=gettext_lazy("Mark insights as old after (months)"),
        min_value=1,
        max_value=OLDEST_MONTHS,
        help_text=gettext_lazy(
            "Old insights keep their weight; they are marked, so that somebody asks customers again."
        ),
    )
