"""The forms of the persona pages. Shape only: what a field may hold is decided by the services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.organizations.models import Membership
from apps.personas.content import NAME_LENGTH, QUOTE_LENGTH, SECTIONS, TAGLINE_LENGTH
from apps.personas.models import Persona
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


def initial_of(persona: Persona) -> dict[str, Any]:
    """A persona as the form shows it."""
    plain = ("name", "tagline", "kind", "evidence_level", "quote", "review_date", "revision")
    return {
        **{name: getattr(persona, name) for name in plain},
        "owner": persona.owner_id,
        **{section: "\n".join(persona.fields.get(section, [])) for section in SECTIONS},
    }
