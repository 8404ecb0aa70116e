"""The form of a touchpoint. Shape only: what a field may hold is decided by the service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.interactions.event_match import EVENT_LENGTH, where_from_lines, where_to_lines
from apps.organizations.models import Unit
from apps.touchpoints.models import BackstageRecord, Channel, Touchpoint
from apps.touchpoints.rules import (
    DESCRIPTION_LENGTH,
    LINK_LENGTH,
    LONGEST_PROMISE,
    NAME_LENGTH,
    PROMISE_LENGTH,
    TARGET_RANGES,
)
from cxm.errors import DomainError, DomainErrors, FieldError, NotAllowed, NotFound

SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
UNITS = [("seconds", _("seconds")), ("minutes", _("minutes")), ("hours", _("hours")), ("days", _("days"))]
FORM_FIELDS = {
    "event_match": "event",
    "event_match.event": "event",
    "promise.text": "promise_text",
    "promise.kept": "promise_kept",
    "promise.kept.event": "promise_kept",
    "promise.start": "promise_start",
    "promise.start.event": "promise_start",
    "promise.within_seconds": "promise_within",
}


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
    promise_text = forms.CharField(
        label=_("Promise"),
        required=False,
        max_length=PROMISE_LENGTH,
        help_text=_("What customers are told here, such as: an answer within 2 hours."),
    )
    promise_kept = forms.CharField(
        label=_("Kept by the event"),
        required=False,
        max_length=EVENT_LENGTH,
        help_text=_("The event of the same customer that keeps the promise, such as answer_sent."),
    )
    promise_kept_where = forms.CharField(
        label=_("Kept only where"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("One condition a line, as property: value."),
    )
    promise_within = forms.IntegerField(label=_("Within"), required=False, min_value=1, max_value=LONGEST_PROMISE)
    promise_unit = forms.ChoiceField(label=_("Unit"), required=False, choices=UNITS, initial="hours")
    promise_start = forms.CharField(
        label=_("Made by the event"),
        required=False,
        max_length=EVENT_LENGTH,
        help_text=_("Leave it empty where the touchpoint's own event makes the promise."),
    )
    promise_start_where = forms.CharField(
        label=_("Made only where"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("One condition a line, as property: value."),
    )
    backstage = forms.ModelMultipleChoiceField(
        label=_("Processes, systems and teams behind it"),
        required=False,
        queryset=BackstageRecord.objects.none(),
        widget=forms.CheckboxSelectMultiple,
    )
    nps = forms.FloatField(label=_("Target NPS"), required=False, min_value=-100, max_value=100)
    csat = forms.FloatField(label=_("Target CSAT, %"), required=False, min_value=0, max_value=100)
    ces = forms.FloatField(label=_("Target CES, %"), required=False, min_value=0, max_value=100)

    def __init__(self, *args: Any, touchpoint: Touchpoint | None = None, **kwargs: Any) -> None:
        if touchpoint is not None:
            kwargs["initial"] = initial_of(touchpoint)
        super().__init__(*args, **kwargs)
        self.fields["owner_unit"].queryset = Unit.objects.order_by("name")  # type: ignore[attr-defined]
        records = BackstageRecord.objects.order_by("kind", "name")
        self.fields["backstage"].queryset = records  # type: ignore[attr-defined]

    def clean_where(self) -> dict[str, Any]:
        """The lines as properties and values: numbers, true and false are taken as such."""
        return read_lines(self.cleaned_data["where"])

    def clean_promise_kept_where(self) -> dict[str, Any]:
        return read_lines(self.cleaned_data["promise_kept_where"])

    def clean_promise_start_where(self) -> dict[str, Any]:
        return read_lines(self.cleaned_data["promise_start_where"])

    def values(self) -> dict[str, Any]:
        """The fields as the services take them."""
        data = self.cleaned_data
        match = {"event": data["event"], "where": data["where"]} if data["event"] or data["where"] else None
        return {
            **{name: data[name] for name in ("name", "channel", "description", "owner_unit")},
            "event_match": match,
            "promise": self.promise(),
            "target": {metric: data[metric] for metric in TARGET_RANGES},
        }

    def record_ids(self) -> list[UUID]:
        """The processes, systems and teams that were chosen."""
        return [row.pk for row in self.cleaned_data["backstage"]]

    def promise(self) -> dict[str, Any] | None:
        """The promise as the services take it; None when none of its fields is filled in."""
        data = self.cleaned_data
        parts = ("promise_text", "promise_kept", "promise_kept_where", "promise_within", "promise_start")
        if not any(data[name] for name in (*parts, "promise_start_where")):
            return None
        start = {"event": data["promise_start"], "where": data["promise_start_where"]}
        return {
            "text": data["promise_text"],
            "kept": {"event": data["promise_kept"], "where": data["promise_kept_where"]},
            "start": start if start["event"] or start["where"] else None,
            "within_seconds": data["promise_within"] * SECONDS[data["promise_unit"] or "hours"]
            if data["promise_within"]
            else None,
        }


class MatcherForm(forms.Form):
    """An event and its conditions, to see what they fit."""

    event = forms.CharField(label=_("Event"), max_length=EVENT_LENGTH)
    where = forms.CharField(
        label=_("Only where"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("One condition a line, as property: value."),
    )

    def clean_where(self) -> dict[str, Any]:
        return read_lines(self.cleaned_data["where"])

    def match(self) -> dict[str, Any]:
        """The matcher as the services take it."""
        return {"event": self.cleaned_data["event"], "where": self.cleaned_data["where"]}


class BulkForm(forms.Form):
    """What is to be done with the touchpoints that were ticked."""

    owner_unit = forms.ModelChoiceField(
        label=_("Owner"), required=False, queryset=Unit.objects.none(), empty_label=_("Nobody yet")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["owner_unit"].queryset = Unit.objects.order_by("name")  # type: ignore[attr-defined]


class BackstageForm(forms.Form):
    """A process, system or team."""

    kind = forms.ChoiceField(label=_("Kind"), choices=BackstageRecord.Kind.choices)
    name = forms.CharField(label=_("Name"), max_length=NAME_LENGTH)
    description = forms.CharField(
        label=_("Description"), required=False, max_length=DESCRIPTION_LENGTH, widget=forms.Textarea(attrs={"rows": 3})
    )
    owner_unit = forms.ModelChoiceField(
        label=_("Owner"), required=False, queryset=Unit.objects.none(), empty_label=_("Nobody yet")
    )
    link = forms.CharField(
        label=_("Link"),
        required=False,
        max_length=LINK_LENGTH,
        help_text=_("Where more is written about it, such as https://wiki.example.com/billing."),
    )
    touchpoints = forms.ModelMultipleChoiceField(
        label=_("Stands behind"), required=False, queryset=Touchpoint.objects.none()
    )

    def __init__(self, *args: Any, row: BackstageRecord | None = None, **kwargs: Any) -> None:
        if row is not None:
            names = ("kind", "name", "description", "link")
            kwargs["initial"] = {name: getattr(row, name) for name in names} | {
                "owner_unit": row.owner_unit_id,
                "touchpoints": [use.touchpoint_id for use in row.uses.all()],
            }
        super().__init__(*args, **kwargs)
        self.fields["owner_unit"].queryset = Unit.objects.order_by("name")  # type: ignore[attr-defined]
        self.fields["touchpoints"].queryset = Touchpoint.objects.order_by("name")  # type: ignore[attr-defined]

    def values(self) -> dict[str, Any]:
        """The fields as the services take them."""
        return {**self.cleaned_data, "touchpoints": list(self.cleaned_data["touchpoints"])}


@contextmanager
def at_form_fields() -> Iterator[None]:
    """What a service refuses of an event or a promise is said of the form's fields that a person filled in."""
    try:
        yield
    except (NotAllowed, NotFound):
        raise
    except DomainError as error:
        errors = [{**one, "field": _form_field(one["field"])} for one in error.errors]
        raise DomainErrors(cast(list[FieldError], errors)) from error


def _form_field(field: str | None) -> str | None:
    if field is None or field in FORM_FIELDS:
        return FORM_FIELDS.get(field or "")
    whole, _dot, _rest = field.partition(".where")
    return f"{FORM_FIELDS[whole]}_where".replace("event_where", "where") if whole in FORM_FIELDS else field


def read_lines(text: str) -> dict[str, Any]:
    """Conditions as lines. Raises ValidationError with the sentence that says what is wrong."""
    try:
        return where_from_lines(text)
    except ValueError as error:
        raise forms.ValidationError(str(error)) from None


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
        "backstage": [use.record_id for use in touchpoint.backstage.all()],
        **initial_promise(touchpoint.promise),
        **touchpoint.target,
    }


def initial_promise(promise: dict[str, Any] | None) -> dict[str, Any]:
    """A promise as the form shows it, its time in the largest unit that divides it."""
    if not promise:
        return {}
    seconds, start = promise["within_seconds"], promise["start"] or {}
    unit = next(name for name, length in reversed(SECONDS.items()) if seconds % length == 0)
    return {
        "promise_text": promise["text"],
        "promise_kept": promise["kept"]["event"],
        "promise_kept_where": where_to_lines(promise["kept"]["where"]),
        "promise_within": seconds // SECONDS[unit],
        "promise_unit": unit,
        "promise_start": start.get("event", ""),
        "promise_start_where": where_to_lines(start.get("where", {})),
    }
