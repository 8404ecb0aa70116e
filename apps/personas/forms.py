"""The forms of the persona pages. Shape only: what a field may hold is decided by the services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.organizations.models import Membership
from apps.personas.claims import MOST_CLAIMS
from apps.personas.content import NAME_LENGTH, QUOTE_LENGTH, SECTIONS, TAGLINE_LENGTH
from apps.personas.models import Persona
from apps.segments.builder import text_of, texts_of, value_of, values_of, whole_of
from apps.segments.builder_rows import FIELD_NAMES, OPERATOR_NAMES
from apps.segments.models import Segment
from apps.segments.rule import LISTED, OPERATORS, PRESENCE, RELATIVE
from cxm.errors import FieldError
from cxm.scope import current_tenant_id


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
            self.fields[section] = forms.CharField(
                label=title, required=False, widget=forms.Textarea(attrs={"rows": 3}), help_text=_("One item a line.")
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

    def values(self) -> dict[str, Any]:
        """The fields as the services take them."""
        apart = ("portrait", "remove_portrait", "revision")
        return {name: value for name, value in self.cleaned_data.items() if name not in apart}


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


SPARE_ROWS = 2
OF_FIELD = "field:"
"""What stands before the name of a field of the profile where attributes can be named as well."""


def claim_rows(
    claims: Sequence[Mapping[str, Any]], data: Mapping[str, Any] | None, wrong: Sequence[FieldError] = ()
) -> list[dict[str, Any]]:
    """The claims as rows of inputs, with empty ones at the end; as they were typed when a form was sent.

    `wrong`: what the services refused, as `claims.<position>.<field>`; each stands at its row.
    """
    rows = [_row_of(claim) for claim in claims] if data is None else list(_typed(data))
    spare = SPARE_ROWS if data is None or data.get("do") == "more" else 0
    rows = [*rows, *({"name": "", "op": "=", "value": "", "at_least": ""} for _number in range(spare))][:MOST_CLAIMS]
    messages: dict[int, list[str]] = {}
    for error in wrong:
        position = error["field"].split(".")[1:2]
        messages.setdefault(int(position[0]) if position and position[0].isdigit() else 0, []).append(error["message"])
    named = iter(range(MOST_CLAIMS))
    operators = [(op, OPERATOR_NAMES[op]) for op in OPERATORS]
    names = [f"{OF_FIELD}{name}" for name in FIELD_NAMES]
    shown = []
    for number, row in enumerate(rows):
        errors = messages.get(next(named), []) if row["name"].strip() else []
        shown.append({**row, "number": number, "operators": operators, "names": names, "errors": errors})
    return shown


def claims_of(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The claims of a form that was sent, as the services take them. Rows without a name are left out."""
    return [_claim_of(row) for row in _typed(data) if row["name"].strip()]


def _typed(data: Mapping[str, Any]) -> list[dict[str, str]]:
    names = ("name", "op", "value", "at_least")
    return [
        {name: str(data.get(f"c-{number}.{name}", "")) for name in names}
        for number in range(MOST_CLAIMS)
        if f"c-{number}.name" in data
    ]


def _claim_of(row: Mapping[str, str]) -> dict[str, Any]:
    name, op, text = row["name"].strip(), row["op"], row["value"]
    kind = "field" if name.startswith(OF_FIELD) else "attribute"
    claim: dict[str, Any] = {kind: name.removeprefix(OF_FIELD), "op": op, "at_least": _share(row["at_least"])}
    if op in PRESENCE:
        return claim
    if op in RELATIVE:
        return claim | {"value": whole_of(text)}
    if kind == "field" and op not in LISTED:
        return claim | {"value": text.strip()}
    return claim | {"value": values_of(text) if op in LISTED else value_of(text)}


def _share(text: str) -> Any:
    """Percent as a share; the text itself when it is no number."""
    number = value_of(text.strip().removesuffix("%"))
    return number / 100 if isinstance(number, int | float) and not isinstance(number, bool) else text


def _row_of(claim: Mapping[str, Any]) -> dict[str, Any]:
    name = f"{OF_FIELD}{claim['field']}" if "field" in claim else claim["attribute"]
    value = claim.get("value")
    if isinstance(value, list):
        text = texts_of(value)
    else:
        text = str(value) if "field" in claim and value is not None else text_of(value)
    return {"name": name, "op": claim.get("op", "="), "value": text, "at_least": f"{100 * claim['at_least']:g}"}


def initial_of(persona: Persona) -> dict[str, Any]:
    """A persona as the form shows it."""
    plain = ("name", "tagline", "kind", "evidence_level", "quote", "review_date", "revision")
    return {
        **{name: getattr(persona, name) for name in plain},
        "owner": persona.owner_id,
        **{section: "\n".join(persona.fields.get(section, [])) for section in SECTIONS},
    }
