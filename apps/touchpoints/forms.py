"""The form of a touchpoint. Shape only: what a field may hold is decided by the service."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.interactions.event_match import EVENT_LENGTH, where_from_lines, where_to_lines
from apps.organizations.models import Unit
from apps.touchpoints.models import Channel, Touchpoint
from apps.touchpoints.rules import DESCRIPTION_LENGTH, NAME_LENGTH, TARGET_RANGES


class TouchpointForm(forms.Form):
    """Make or change a touchpoint."""

    name = forms.CharField(label=_("Name"), max_length=NAME_LENGTH)
    channel = forms.ChoiceField(label=_("Channel"), choices=Channel.choices, initial=Channel.WEB)
    description = forms.CharField(
        label=_("Description"),
        required=False,
        max_length=DESCRIPTION_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("What happens here, from the customer's side."),
    )
    owner_unit = forms.ModelChoiceField(
        label=_("Owner"),
        required=False,
        queryset=Unit.objects.none(),
        empty_label=_("Nobody yet"),
        help_text=_("The unit that answers for what customers live through here."),
    )
    event = forms.CharField(
        label=_("Event"),
        required=False,
        max_length=EVENT_LENGTH,
        help_text=_("The name of the event that says a customer was here, such as invoice_sent."),
    )
    where = forms.CharField(
        label=_("Only where"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("One condition a line, as property: value."),
    )
    nps = forms.FloatField(label=_("Target NPS"), required=False, min_value=-100, max_value=100)
    csat = forms.FloatField(label=_("Target CSAT, %"), required=False, min_value=0, max_value=100)
    ces = forms.FloatField(label=_("Target CES, %"), required=False, min_value=0, max_value=100)

    def __init__(self, *args: Any, touchpoint: Touchpoint | None = None, **kwargs: Any) -> None:
        if touchpoint is not None:
            kwargs["initial"] = initial_of(touchpoint)
        super().__init__(*args, **kwargs)
        self.fields["owner_unit"].queryset = Unit.objects.order_by("name")  # type: ignore[attr-defined]

    def clean_where(self) -> dict[str, Any]:
        """The lines as properties and values: numbers, true and false are taken as such."""
        try:
            return where_from_lines(self.cleaned_data["where"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None

    def values(self) -> dict[str, Any]:
        """The fields as the services take them."""
        data = self.cleaned_data
        match = {"event": data["event"], "where": data["where"]} if data["event"] or data["where"] else None
        return {
            **{name: data[name] for name in ("name", "channel", "description", "owner_unit")},
            "event_match": match,
            "target": {metric: data[metric] for metric in TARGET_RANGES},
        }


def initial_of(touchpoint: Touchpoint) -> dict[str, Any]:
    """A touchpoint as the form shows it."""
    match = touchpoint.event_match or {}
    return {
        "name": touchpoint.name,
        "channel": touchpoint.channel,
        "description": touchpoint.description,
        "owner_unit": touchpoint.owner_unit_id,
        "event": match.get("event", ""),
        "where": where_to_lines(match.get("where", {})),
        **touchpoint.target,
    }
