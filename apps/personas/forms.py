"""The forms of the persona pages. Shape only: what a field may hold is decided by the services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.organizations.models import Membership
from apps.personas.content import (
    ITEM_LENGTH,
    NAME_LENGTH,
    QUOTE_LENGTH,
    REASON_LENGTH,
    SECTIONS,
    TAGLINE_LENGTH,
    TEXTS,
)
from apps.personas.evidence import KINDS, LEVELS, SOURCE
from apps.personas.models import Persona
from apps.segments.models import Segment
from cxm.actor import Actor
from cxm.scope import current_tenant_id

APART = ("portrait", "remove_portrait", "revision")
LINE_ACTIONS = ("up", "down", "remove", "evidence")


class LinesWidget(forms.Textarea):
    """Several inputs of one name, or a text area with an item on each line: a list of texts either way."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        values = data.getlist(name) if hasattr(data, "getlist") else [data.get(name) or ""]
        return [line for value in values for line in (str(value).splitlines() or [""])]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return name not in data

    def format_value(self, value: Any) -> str:
        return "\n".join(value) if isinstance(value, list) else str(value or "")


class LinesField(forms.Field):
    """A section of a persona: a list of lines, the empty ones left out."""

    widget = LinesWidget

    def clean(self, value: Any) -> list[str]:
        return [line for line in value or [] if line.strip()]


class PersonaForm(forms.Form):
    """Make or change a persona; each section holds one item a line."""

    name = forms.CharField(label=_("Name"), max_length=NAME_LENGTH, help_text=_("Such as Lena K."))
    tagline = forms.CharField(
        label=_("In a few words"),
        required=False,
        max_length=TAGLINE_LENGTH,
        help_text=_("Such as: young family, first own home."),
    )
    kind = forms.ChoiceField(label=_("Kind"), choices=Persona.Kind.choices, initial=Persona.Kind.PERSONA)
    evidence_level = forms.ChoiceField(
        label=_("Evidence level"), choices=Persona.Evidence.choices, initial=Persona.Evidence.PROTO
    )
    quote = forms.CharField(
        label=_("Quote"),
        required=False,
        max_length=QUOTE_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("One sentence in their words."),
    )
    reason = forms.CharField(
        label=TEXTS["reason"],
        required=False,
        max_length=REASON_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("For an anti-persona: whom we do not design for, and what it would cost those we do."),
    )
    owner = forms.ModelChoiceField(
        label=_("Owner"), required=False, queryset=User.objects.none(), empty_label=_("Nobody yet")
    )
    review_date = forms.DateField(
        label=_("Review on"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    portrait = forms.FileField(
        label=_("Portrait"), required=False, help_text=_("JPEG, PNG, GIF or WebP, at most 5 MB. It is drawn anew.")
    )
    remove_portrait = forms.BooleanField(label=_("Remove the portrait"), required=False)
    revision = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, persona: Persona | None = None, **kwargs: Any) -> None:
        if persona is not None:
            kwargs["initial"] = initial_of(persona)
        super().__init__(*args, **kwargs)
        for section, title in SECTIONS.items():
            self.fields[section] = LinesField(
                label=title, required=False, widget=LinesWidget(attrs={"rows": 3}), help_text=_("One item a line.")
            )
        members = Membership.objects.filter(organization_id=current_tenant_id(), is_active=True)
        self.fields["owner"].queryset = User.objects.filter(  # type: ignore[attr-defined]
            pk__in=list(members.values_list("user_id", flat=True))
        ).order_by("name", "email")
        if persona is None or not persona.portrait:
            del self.fields["remove_portrait"]

    def sections(self) -> list[Any]:
        """The bound fields of the sections."""
        return [self[section] for section in SECTIONS]

    def saved_fields(self) -> list[str]:
        """The fields that an editor saves one by one."""
        return [name for name in self.fields if name not in APART]

    def lines_of(self, section: str) -> list[str]:
        """The lines of a section as they were sent, stripped."""
        return [line.strip() for line in self.cleaned_data.get(section) or []]

    def values(self) -> dict[str, Any]:
        """The fields as the services take them."""
        return {name: value for name, value in self.cleaned_data.items() if name not in APART}


def moved_lines(data: Any, form: PersonaForm) -> tuple[str, str, str]:
    """Do what a button beside a line asks for (`do=needs:2:up`) to the lines of a form that was sent.

    Section, the line's text and what was done: up, down, remove, evidence, or "" for plain saving.
    """
    section, number, action = (*str(data.get("do", "")).split(":"), "", "")[:3]
    lines = [line.strip() for line in data.getlist(section)] if section in SECTIONS else []
    if action not in LINE_ACTIONS or not (number.isascii() and number.isdigit() and len(number) < 4):
        return "", "", ""
    index = int(number)
    if index >= len(lines) or not lines[index]:
        return "", "", ""
    line = lines[index]
    if action == "remove":
        lines.pop(index)
    elif action != "evidence":
        other = max(0, min(len(lines) - 1, index + (-1 if action == "up" else 1)))
        lines[index], lines[other] = lines[other], lines[index]
    form.cleaned_data[section] = [text for text in lines if text]
    return section, line, action


class EvidenceForm(forms.Form):
    """What a line rests on: a record of ours, or words and perhaps an address."""

    kind = forms.ChoiceField(label=_("What it is"), choices=[], initial=SOURCE)
    level = forms.ChoiceField(
        label=_("How good it is"),
        choices=list(LEVELS.items()),
        initial="some",
        help_text=_("Measured: counted over many. Some data: a few interviews or answers. Assumption: we think so."),
    )
    text = forms.CharField(
        label=_("In words"),
        required=False,
        max_length=ITEM_LENGTH,
        help_text=_("Such as: 12 interviews in Leipzig, March 2026. For a record of ours, a note."),
    )
    url = forms.CharField(label=_("Address"), required=False, max_length=500, help_text=_("Where one can read it."))

    def __init__(self, *args: Any, actor: Actor, organization: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = [kind for kind in KINDS.values() if actor.can(kind.permission)]
        choices = [(SOURCE, _("A source: interviews, a study, a page")), *((kind.kind, kind.label) for kind in kinds)]
        self.fields["kind"].choices = choices  # type: ignore[attr-defined]
        for kind in kinds:
            options = [("", _("Choose one")), *kind.search(actor, organization)]
            self.fields[f"ref_{kind.kind}"] = forms.ChoiceField(label=kind.label, required=False, choices=options)

    def references(self) -> list[Any]:
        """The bound fields that choose a record."""
        return [self[name] for name in self.fields if name.startswith("ref_")]

    def values(self) -> dict[str, str]:
        """The fields as the service takes them."""
        found = {name: self.cleaned_data[name] for name in ("kind", "level", "text", "url")}
        return {**found, "ref": self.cleaned_data.get(f"ref_{found['kind']}", "")}


class PublishForm(forms.Form):
    """Why a version is published."""

    purpose = forms.CharField(
        label=_("Purpose"),
        max_length=400,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("What you know better now, and from what."),
    )


class BindForm(forms.Form):
    """Which segment holds the people of a persona. The claims stand beside it, a row each."""

    segment = forms.ChoiceField(
        label=_("Segment"), required=False, help_text=_("The people this persona describes. It counts at once.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = Segment.objects.order_by("name").values_list("pk", "name")
        choices = [("", _("None: nobody is measured")), *((str(pk), name) for pk, name in rows)]
        self.fields["segment"].choices = choices  # type: ignore[attr-defined]


def initial_of(persona: Persona) -> dict[str, Any]:
    """A persona as the form shows it."""
    plain = ("name", "tagline", "kind", "evidence_level", "quote", "reason", "review_date", "revision")
    return {
        **{name: getattr(persona, name) for name in plain},
        "owner": persona.owner_id,
        **{section: persona.fields.get(section, []) for section in SECTIONS},
    }
