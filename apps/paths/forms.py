"""Forms of the pages of paths. Shape only: what a field may hold is decided by the services."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.touchpoints.models import Channel, Touchpoint
from apps.touchpoints.rules import NAME_LENGTH


class BetweenForm(forms.Form):
    """From one touchpoint of a map to another, within so many days."""

    source = forms.ChoiceField(label=_("From"))
    target = forms.ChoiceField(label=_("To"))
    days = forms.IntegerField(label=_("Within days"), min_value=1, max_value=3_650)

    def __init__(self, data: Any, *, places: Sequence[tuple[str, str]]) -> None:
        super().__init__(data)
        for name in ("source", "target"):
            self.fields[name].choices = places  # type: ignore[attr-defined]


class ClaimForm(forms.Form):
    """A new touchpoint for an event."""

    name = forms.CharField(label=_("Name"), max_length=NAME_LENGTH)
    channel = forms.ChoiceField(label=_("Channel"), choices=Channel.choices)


class GiveForm(forms.Form):
    """An event for a touchpoint that has none."""

    touchpoint = forms.ModelChoiceField(label=_("Touchpoint"), queryset=Touchpoint.objects.none())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = Touchpoint.objects.filter(archived_at=None, event_match__isnull=True).order_by("name")
        self.fields["touchpoint"].queryset = rows  # type: ignore[attr-defined]
