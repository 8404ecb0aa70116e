"""The forms of the segment pages. Shape only: what a field may hold is decided by the services."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class SegmentForm(forms.Form):
    """Name and description; the rule stands beside it."""

    name = forms.CharField(
        label=_("Name"), max_length=120, help_text=_("Such as Two purchases, unhappy first payment.")
    )
    description = forms.CharField(
        label=_("What it is for"), required=False, max_length=2_000, widget=forms.Textarea(attrs={"rows": 2})
    )


class MembersForm(forms.Form):
    """Who is to be added to a list or taken from it."""

    ids = forms.CharField(
        label=_("External ids or e-mail addresses"),
        max_length=2_000_000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("One a line, up to 10,000."),
    )


class MemberFilterForm(forms.Form):
    """The search above the members."""

    q = forms.CharField(label=_("Search in members"), required=False, max_length=200)
