"""The forms of taking a map in: what it is read from, and where its lanes go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.journeys.content import NAME_LENGTH, OTHER_LANES, STANDARD_LANES, lane_key
from apps.journeys.exchange import LANE_FOR_NONE, MOST_BYTES
from apps.journeys.models import Journey
from apps.journeys.services.exchanging import LEFT_OUT

OWN = "="
"""A lane keeps the name it was given."""


class ReadForm(forms.Form):
    """A file or pasted text, and the map it goes onto."""

    file = forms.FileField(
        label=_("File"),
        required=False,
        help_text=_("JSON of another map, or a table as CSV or XLSX. 4 MB at most."),
        widget=forms.FileInput(attrs={"accept": ".json,.csv,.tsv,.txt,.xlsx"}),
    )
    text = forms.CharField(
        label=_("Or paste stickies"),
        required=False,
        max_length=MOST_BYTES,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 10, "class": "cx-input cx-mono", "spellcheck": "false"}),
        help_text=_(
            "Cells from a spreadsheet or whiteboard: stages in the first row, lanes in the first column. "
            "Or a sticky on each line, such as “Pain points: waits too long”, with “# Stage” and “## Step” above."
        ),
    )
    journey = forms.ModelChoiceField(
        label=_("Put it on"), required=False, queryset=Journey.objects.none(), empty_label=_("A new map")
    )

    def __init__(self, *args: Any, maps: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["journey"].queryset = maps  # type: ignore[attr-defined]


class TakeForm(forms.Form):
    """What was read, once more: the name of a new map, and where each lane goes."""

    source = forms.CharField(widget=forms.HiddenInput, max_length=2 * MOST_BYTES, strip=False)
    journey = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)
    name = forms.CharField(label=_("Name of the map"), required=False, max_length=NAME_LENGTH)
    create_touchpoints = forms.BooleanField(label=_("Add them to the library"), required=False)

    def __init__(self, *args: Any, lanes: Iterable[str], new: bool, unknown: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lane_names = {f"lane_{number}": lane for number, lane in enumerate(lanes)}
        known = {**STANDARD_LANES, **OTHER_LANES}
        for field, lane in self.lane_names.items():
            key = lane_key(lane)
            own = [] if key in known or not key else [(OWN, _("A lane of its own"))]
            self.fields[field] = forms.ChoiceField(
                label=lane or _("(no lane named)"),
                choices=[*own, *known.items(), (LEFT_OUT, _("Leave these cards out"))],
                initial=key if key in known else OWN if key else LANE_FOR_NONE,
            )
        self.fields["name"].required = new
        if not new:
            del self.fields["name"]
        if not unknown:
            del self.fields["create_touchpoints"]

    @property
    def lane_fields(self) -> list[Any]:
        """The fields of the lanes, in the order they were read."""
        return [self[name] for name in self.lane_names]

    def lanes(self) -> dict[str, str]:
        """Where the cards of each lane go."""
        chosen = {lane: self.cleaned_data[name] for name, lane in self.lane_names.items()}
        return {lane: "" if key == OWN else key for lane, key in chosen.items()}
