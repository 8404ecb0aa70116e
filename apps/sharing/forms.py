"""The form of a new share link. Shape only: what it may show is decided by the service."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from apps.sharing.options import DRAFT, FILTERS, PUBLISHED
from apps.sharing.registry import Described, Shareable
from apps.sharing.services import NOTE_LENGTH, PASSWORD_LONGEST

LIVES = [("1", _("One day")), ("7", _("One week")), ("30", _("30 days")), ("90", _("90 days")), ("365", _("One year"))]


class ShareForm(forms.Form):
    """How long, what is shown, and to whom."""

    note = forms.CharField(
        label=_("For whom"),
        required=False,
        max_length=NOTE_LENGTH,
        help_text=_("Only your colleagues see this. It helps to know later which link to revoke."),
    )
    days = forms.ChoiceField(label=_("Works for"), choices=LIVES, initial="30")
    version = forms.ChoiceField(label=_("Shows"))
    show_scores = forms.BooleanField(label=_("Show scores"), required=False)
    show_quotes = forms.BooleanField(label=_("Show quotes"), required=False)
    password = forms.CharField(
        label=_("Password"),
        required=False,
        max_length=PASSWORD_LONGEST,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}, render_value=False),
        help_text=_("At least 8 characters. Tell it to readers on another way than the link."),
    )
    filters = forms.CharField(required=False, max_length=1200, widget=forms.HiddenInput)

    def __init__(self, *args: Any, kind: Shareable, described: Described, scores: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        versions = [
            (str(number), _("Version %(number)d for good") % {"number": number}) for number in described.versions
        ]
        newest = [(PUBLISHED, _("What is published, also later versions"))] if described.versions else []
        self.fields["version"].choices = [*newest, *versions, (DRAFT, _("The draft, as it changes"))]  # type: ignore[attr-defined]
        if not scores:
            del self.fields["show_scores"]
        if kind.quotes_label:
            self.fields["show_quotes"].label = kind.quotes_label
            self.fields["show_quotes"].help_text = _("Names and numbers in them are hidden.")
        else:
            del self.fields["show_quotes"]

    def kept_filters(self) -> dict[str, str]:
        """The filters the page came with, by name."""
        query = QueryDict(str(self["filters"].value() or ""))
        return {name: str(query[name]) for name in FILTERS if query.get(name)}

    def values(self) -> dict[str, Any]:
        """What the service takes."""
        data = self.cleaned_data
        return {
            "note": data["note"],
            "expires_at": now() + timedelta(days=int(data["days"])),
            "password": data["password"],
            "options": {
                "version": data["version"],
                "show_scores": data.get("show_scores", False),
                "show_quotes": data.get("show_quotes", False),
                "filters": self.kept_filters(),
            },
        }


class PasswordForm(forms.Form):
    """The password of a share link."""

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=PASSWORD_LONGEST,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
