"""What may be asked of a timeline: kinds, channel and period, the same on the page and in the API."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.customers.timeline import SOURCES, kinds_for
from cxm.actor import Actor
from cxm.channels import Channel

DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
EARLIEST = datetime(1, 1, 3, tzinfo=UTC)
LATEST = datetime(9999, 12, 29, tzinfo=UTC)
"""Times outside cannot be told to the database in every zone."""


class MomentField(forms.CharField):
    """A day of the organisation's calendar or an instant, as an instant: the end of a period is then excluded."""

    def __init__(self, *, zone: ZoneInfo, is_end: bool, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=40, **kwargs)
        self.zone, self.is_end = zone, is_end

    def clean(self, value: Any) -> datetime | None:
        """The instant, None for nothing. A time without a zone is in the organisation's."""
        text = str(super().clean(value) or "").strip()
        if not text:
            return None
        try:
            if DAY.fullmatch(text):
                day = date.fromisoformat(text) + timedelta(days=1 if self.is_end else 0)
                moment = datetime.combine(day, time.min, tzinfo=self.zone)
            else:
                # a plus sign of an offset that was not encoded arrives as a space
                moment = datetime.fromisoformat(re.sub(r" (\d{2}:?\d{2})$", r"+\1", text))
                moment = moment if moment.tzinfo else moment.replace(tzinfo=self.zone)
            return max(EARLIEST, min(LATEST, moment.astimezone(UTC)))
        except (ValueError, OverflowError):
            message = gettext("Write a day as 2026-11-21 or a time as 2026-11-21T09:30:00Z.")
            raise forms.ValidationError(message, code="invalid") from None


class KindsField(forms.MultipleChoiceField):
    """Kinds of items; the empty choice of a plain form is none."""

    def to_python(self, value: Any) -> list[str]:
        return [kind for kind in super().to_python(value) if kind]


class TimelineFilter(forms.Form):
    """The filters of a timeline, read from a query string: `kind` (repeated), `channel`, `from`, `to`."""

    channel = forms.ChoiceField(label=_("Channel"), required=False, choices=[("", _("All channels")), *Channel.choices])

    def __init__(self, data: QueryDict, *, actor: Actor, organization: Any) -> None:
        super().__init__(data)
        zone = ZoneInfo(organization.timezone)
        self.kinds = sorted(kinds_for(actor).items(), key=lambda item: str(item[1]))
        every = [(kind, label) for source in SOURCES.values() for kind, label in source.kinds.items()]
        self.fields["kind"] = KindsField(label=_("Kind"), required=False, choices=every)
        day = forms.DateInput(attrs={"type": "date"})
        self.fields["from"] = MomentField(label=_("From"), zone=zone, is_end=False, widget=day)
        self.fields["to"] = MomentField(label=_("To"), zone=zone, is_end=True, widget=day)

    def clean(self) -> dict[str, Any]:
        """Refuse a period that ends before it begins."""
        cleaned: dict[str, Any] = super().clean() or {}
        start, end = cleaned.get("from"), cleaned.get("to")
        if start and end and end < start:
            self.add_error("to", gettext("The period ends before it begins."))
        return cleaned

    def conditions(self) -> dict[str, Any]:
        """What is asked, as arguments of `timeline_of`; fields that cannot be read are left out."""
        self.is_valid()
        return {
            "kinds": self.cleaned_data.get("kind", []),
            "channel": self.cleaned_data.get("channel", ""),
            "start": self.cleaned_data.get("from"),
            "end": self.cleaned_data.get("to"),
        }

    @property
    def is_narrowed(self) -> bool:
        """Whether anything is left out."""
        return any(self.conditions().values())
