"""Forms of workshops."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.workshops import rules
from apps.workshops.models import Workshop
from apps.workshops.services.guests import LONGEST_NAME
from apps.workshops.services.timer import MOST_MINUTES

LENGTHS: Final = [
    ("2", _("2 hours")),
    ("4", _("4 hours")),
    ("24", _("1 day")),
    ("72", _("3 days")),
    ("168", _("7 days")),
]


class WorkshopForm(forms.Form):
    """What guests may do, and what they see."""

    title = forms.CharField(
        label=_("Title"), max_length=120, help_text=_("Guests read it when they join, such as “Moving in, 12 May”.")
    )
    guests_may = forms.ChoiceField(
        label=_("Guests may"), choices=Workshop.GuestsMay.choices, initial=Workshop.GuestsMay.EDIT
    )
    votes_per_person = forms.IntegerField(
        label=_("Votes per person"), min_value=1, max_value=rules.MOST_VOTES, initial=5
    )
    shows_names = forms.BooleanField(label=_("Everybody sees who is here"), required=False, initial=True)
    shows_scores = forms.BooleanField(
        label=_("Guests see the measured scores"),
        required=False,
        help_text=_("Only NPS, CSAT and CES of this map's touchpoints; never answers or customers."),
    )
    opens_library = forms.BooleanField(
        label=_("Guests may place any touchpoint of the library"),
        required=False,
        help_text=_("They see the names of all touchpoints then. Otherwise only of those on this map."),
    )


class StartForm(WorkshopForm):
    """A new workshop."""

    hours = forms.ChoiceField(label=_("Open for"), choices=LENGTHS, initial="24")

    field_order = ["title", "hours", "guests_may", "votes_per_person", "shows_names", "shows_scores", "opens_library"]

    @property
    def length(self) -> timedelta:
        """How long it shall be open."""
        return timedelta(hours=int(self.cleaned_data["hours"]))


class RoundForm(forms.Form):
    """What is put to the vote."""

    question = forms.CharField(
        label=_("Question"), max_length=200, help_text=_("Such as “Which pain point do we solve first?”")
    )
    lanes = forms.MultipleChoiceField(label=_("Vote on"), widget=forms.CheckboxSelectMultiple)
    votes_per_person = forms.IntegerField(label=_("Dots per person"), min_value=1, max_value=rules.MOST_VOTES)
    most_per_thing = forms.IntegerField(
        label=_("At most on one card"),
        min_value=1,
        max_value=rules.MOST_VOTES,
        required=False,
        help_text=_("Empty for as many as a person has."),
    )
    minutes = forms.IntegerField(
        label=_("Ends after minutes"),
        min_value=1,
        max_value=MOST_MINUTES,
        required=False,
        help_text=_("Empty: it runs until you reveal it."),
    )

    def __init__(self, *args: Any, lanes: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["lanes"].choices = lanes  # type: ignore[attr-defined]


class JoinForm(forms.Form):
    """The name under which a guest works."""

    name = forms.CharField(
        label=_("Your name"),
        max_length=LONGEST_NAME - 4,
        help_text=_("The others see it beside what you change."),
        widget=forms.TextInput(attrs={"autocomplete": "nickname", "autocapitalize": "words"}),
    )
