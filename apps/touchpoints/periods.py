"""The period that pages with scores show: the last 90 days unless the address says otherwise."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import QueryDict
from django.utils.timezone import localdate
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from cxm.errors import DomainError, read_fields

USUAL_DAYS = 90


class PeriodForm(forms.Form):
    """The period menu of a page."""

    defaults = ("from", "to")
    """The page fills these in itself, so they are no filters to clear."""
    all_time = {"period": "all"}
    """What an address carries to say "all time", where the page's own default is a shorter period."""

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        self.fields["from"] = forms.DateField(label=_("From"), required=False)
        self.fields["to"] = forms.DateField(label=_("To"), required=False)


def with_usual_period(params: QueryDict) -> QueryDict:
    """The parameters, with the last 90 days where they name no period, and without days that cannot be read."""
    filled = params.copy()
    form = PeriodForm(filled)
    form.is_valid()
    for name in form.errors:
        del filled[name]
    if filled.get("from") or filled.get("to") or filled.get("period") == "all":
        return filled
    today = localdate()
    filled["from"], filled["to"] = (today - timedelta(days=USUAL_DAYS - 1)).isoformat(), today.isoformat()
    return filled


def period_parameters(params: QueryDict) -> dict[str, str]:
    """The period alone, for links to what lies behind a score."""
    return {name: value for name in ("from", "to") if (value := params.get(name))}


def read_window(params: QueryDict, organization: Any) -> tuple[datetime | None, datetime | None]:
    """`from` and `to` of a query string as [start, end): days (the last included) or times; None is without limit.

    Days are those of the organisation's zone. Raises DomainErrors (422) naming what cannot be read.
    """
    zone = ZoneInfo(organization.timezone)
    readers = {name: partial(_read_end, name=name, zone=zone) for name in ("from", "to")}
    found = read_fields(readers, {name: (params.get(name) or "").strip() for name in readers})
    start, end = found["from"], found["to"]
    if start and end and end < start:
        raise DomainError(_t("The period ends before it begins."), field="to")
    return start, end


def _read_end(text: str, *, name: str, zone: ZoneInfo) -> datetime | None:
    if not text:
        return None
    try:
        if len(text) == 10:
            day = date.fromisoformat(text) + timedelta(days=name == "to")
            moment = datetime.combine(day, time.min, tzinfo=zone)
        else:
            # A plus sign of an offset that was not encoded arrives as a space.
            moment = datetime.fromisoformat(re.sub(r" (\d{2}:?\d{2})$", r"+\1", text))
            moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        message = _t("Write a day as 2026-11-21 or a time as 2026-11-21T09:30:00Z.")
        raise DomainError(message, field=name) from None


def instants_of(params: QueryDict, organization: Any) -> tuple[datetime | None, datetime | None]:
    """The period as instants of the organisation's zone, the end excluded. Days that cannot be read are open ends."""
    form = PeriodForm(params)
    form.is_valid()
    zone = ZoneInfo(organization.timezone)
    first, last = form.cleaned_data.get("from"), form.cleaned_data.get("to")
    start = datetime.combine(first, time.min, tzinfo=zone) if first and first.year > 1 else None
    end = datetime.combine(last + timedelta(days=1), time.min, tzinfo=zone) if last and last.year < 9999 else None
    return start, end
