"""The forms of the privacy desk. Shape only: what may be done is decided by the services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.customers.retention import RETENTION
from apps.privacy.models import PrivacyRequest
from apps.privacy.retention import MOST_MONTHS, Rule


def _day(**options: Any) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(widget=widget, input_formats=["%Y-%m-%d"], **options)


class RequestForm(forms.Form):
    """Take in a request."""

    kind = forms.ChoiceField(
        label=_("What is asked for"), choices=PrivacyRequest.Kind.choices, widget=forms.RadioSelect
    )
    person = forms.CharField(
        label=_("Who asks"),
        required=False,
        max_length=200,
        help_text=_("As the person gave it: name, customer number."),
    )
    reply_to = forms.CharField(
        label=_("Where to answer"), required=False, max_length=254, help_text=_("E-mail address, phone or post.")
    )
    wish = forms.CharField(
        label=_("In the person's words"), required=False, max_length=5_000, widget=forms.Textarea(attrs={"rows": 3})
    )
    came_by = forms.ChoiceField(label=_("How it came"), choices=PrivacyRequest.CameBy.choices)
    received_at = _day(label=_("When it came"), required=False, help_text=_("Today when left empty."))
    due_at = _day(label=_("To be answered by"), required=False, help_text=_("The usual deadline when left empty."))


class RequestEditForm(forms.Form):
    """What is known of an open request."""

    person = forms.CharField(label=_("Who asks"), required=False, max_length=200)
    reply_to = forms.CharField(label=_("Where to answer"), required=False, max_length=254)
    wish = forms.CharField(
        label=_("In the person's words"), required=False, max_length=5_000, widget=forms.Textarea(attrs={"rows": 3})
    )
    notes = forms.CharField(
        label=_("Notes"), required=False, max_length=5_000, widget=forms.Textarea(attrs={"rows": 3})
    )
    due_at = _day(label=_("To be answered by"))
    assigned_to: forms.ModelChoiceField[Any] = forms.ModelChoiceField(
        label=_("Who looks after it"), queryset=None, required=False
    )
    waiting = forms.BooleanField(label=_("Waiting for the person"), required=False)

    def __init__(self, *args: Any, members: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["assigned_to"].queryset = members  # type: ignore[attr-defined]


class IdentityForm(forms.Form):
    """How it was made sure who asks."""

    method = forms.ChoiceField(label=_("How it was checked"), choices=PrivacyRequest.IdentityMethod.choices)
    confirmed = forms.TypedChoiceField(
        label=_("What came out"),
        choices=[("yes", _("It is this person")), ("no", _("It could not be confirmed"))],
        coerce=lambda value: value == "yes",
        widget=forms.RadioSelect,
    )


class RefuseForm(forms.Form):
    """Why a request is not fulfilled."""

    reason = forms.ChoiceField(label=_("Reason"), choices=PrivacyRequest.Refusal.choices, widget=forms.RadioSelect)
    note = forms.CharField(
        label=_("What the person is told"), required=False, max_length=5_000, widget=forms.Textarea(attrs={"rows": 3})
    )


class AnswerDaysForm(forms.Form):
    """The usual deadline."""

    answer_days = forms.IntegerField(
        label=_("Days to answer a request"),
        min_value=1,
        max_value=90,
        help_text=_("Counted from the day it came. The law of the European Union gives one month."),
    )


class RetentionForm(forms.Form):
    """Months for each kind of data; empty keeps it."""

    def __init__(self, *args: Any, rules: list[Rule], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for rule in rules:
            self.fields[rule.kind.name] = forms.IntegerField(
                label=rule.kind.label,
                required=False,
                min_value=rule.kind.least,
                max_value=MOST_MONTHS,
                initial=rule.months,
                help_text=rule.kind.effect,
            )

    def months(self) -> dict[str, int | None]:
        """What was typed, by kind."""
        return {name: self.cleaned_data.get(name) for name in RETENTION if name in self.fields}
