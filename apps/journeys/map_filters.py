"""The filters of a map: read once, by one function, for pages, the API, shared pages and exports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from apps.metrics.filters import read_selection
from apps.metrics.selection import Selection
from apps.touchpoints.models import Channel
from apps.touchpoints.periods import PeriodForm
from cxm.actor import Actor
from cxm.web.forms import PlainSelect

FILTERS = ("from", "to", "segment", "persona", "channel")
"""All that the scores of a map can be filtered by; other parameters of an address say what is shown, not of whom."""


@dataclass(frozen=True)
class MapFilters:
    """Which answers the scores of a map rest on, and the filters as an address carries them."""

    selection: Selection
    query: QueryDict

    @property
    def narrowed(self) -> bool:
        """Whether more than the period is filtered: then volumes count more people than the scores do."""
        return any(name in self.query for name in FILTERS[2:])

    def query_with(self, **more: str) -> str:
        """The filters and what is added or put in their place, encoded; "" takes a parameter away."""
        query = self.query.copy()
        for name, value in more.items():
            if value:
                query[name] = value
            else:
                query.pop(name, None)
        return query.urlencode()


def read_map_filters(params: QueryDict, actor: Actor, organization: Any) -> MapFilters:
    """`from`, `to`, `segment`, `persona` and `channel` of a query string; everything else is left out.

    Days are the organisation's; without a period all time. A page that has a usual period fills it in beforehand
    (`apps.touchpoints.periods.with_usual_period`). Raises DomainErrors naming each parameter that cannot be understood.
    One query for each of segment and persona that is given.
    """
    query = filters_of(params)
    return MapFilters(read_selection(query, actor=actor, organization=organization), query)


def filters_of(params: QueryDict) -> QueryDict:
    """The filters of a map in a query string, without anything else and without blanks."""
    query = QueryDict(mutable=True)
    for name in FILTERS:
        values = [value for value in params.getlist(name) if value]
        if values:
            query.setlist(name, values)
    return query


class MapFilterForm(PeriodForm):
    """The filter bar over a map: period, segment, persona, channel."""

    def __init__(
        self,
        data: QueryDict,
        *,
        segments: Iterable[tuple[object, str]] = (),
        personas: Iterable[tuple[object, str]] = (),
    ) -> None:
        super().__init__(data)
        any_of = [("", _("Any"))]
        offered = (
            ("segment", _("Segment"), segments),
            ("persona", _("Persona"), personas),
            ("channel", _("Channel"), Channel.choices),
        )
        for name, label, choices in offered:
            if listed := [*choices]:
                self.fields[name] = forms.ChoiceField(
                    label=label, required=False, choices=[*any_of, *listed], widget=PlainSelect
                )
