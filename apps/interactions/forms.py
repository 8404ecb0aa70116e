"""Forms of touches and activities. Shape only: what a field may hold is decided by the services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.utils.timezone import localtime, now
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.interactions.activities import DESCRIPTION_LENGTH, MAX_WINDOW, NAME_LENGTH
from apps.interactions.event_match import EVENT_LENGTH, where_from_lines, where_to_lines
from apps.interactions.models import Activity, Interaction
from apps.interactions.touch_kinds import TOUCH_CHOICES, TOUCH_KINDS
from apps.interactions.touches import OUTCOME_LENGTH, TEXT_LENGTH
from apps.organizations.models import Membership
from cxm.channels import Channel
from cxm.scope import current_tenant_id

MOST_ACTIVITIES = 200
"""How many activities a choice offers, the newest first."""


def colleagues() -> QuerySet[User]:
    """The members of the organisation in force, by name."""
    members = Membership.objects.filter(organization_id=current_tenant_id(), is_active=True)
    return User.objects.filter(pk__in=list(members.values_list("user_id", flat=True))).order_by("name", "email")


def activity_choices(current: Any = None) -> QuerySet[Activity]:
    """The activities a form offers: the newest, and the one that is chosen already."""
    newest = list(Activity.objects.order_by("-created_at", "-id").values_list("pk", flat=True)[:MOST_ACTIVITIES])
    return Activity.objects.filter(Q(pk__in=newest) | Q(pk=current)).order_by("name", "id")


class TouchForm(forms.Form):
    """Write down a touch of one kind, or change it."""

    occurred_at = forms.DateTimeField(
        label=_("When"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    )
    channel = forms.ChoiceField(label=_("Channel"), choices=Channel.choices)
    outcome = forms.ChoiceField(label=_("Outcome"), required=False)
    other_outcome = forms.CharField(label=_("Outcome in other words"), required=False, max_length=OUTCOME_LENGTH)
    owner = forms.ModelChoiceField(
        label=_("Owner"), required=False, queryset=User.objects.none(), empty_label=_("Nobody")
    )
    activity = forms.ModelChoiceField(
        label=_("Activity"),
        required=False,
        queryset=Activity.objects.none(),
        empty_label=_("None"),
        help_text=_("The campaign, event or series of calls it is part of."),
    )
    text = forms.CharField(
        label=_("What was said or done"),
        required=False,
        max_length=TEXT_LENGTH,
        widget=forms.Textarea(attrs={"rows": 5}),
    )

    def __init__(self, *args: Any, kind: str, touch: Interaction | None = None, owner: Any = None, **kwargs: Any):
        self.kind = TOUCH_KINDS[kind]
        if touch is not None:
            kwargs["initial"] = self.initial_of(touch)
        else:
            first = {"occurred_at": localtime(now()), "channel": self.kind.channel.value, "owner": owner}
            kwargs["initial"] = {**first, **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)
        chosen = kwargs["initial"].get("activity")
        self.fields["owner"].queryset = colleagues()  # type: ignore[attr-defined]
        self.fields["activity"].queryset = activity_choices(chosen)  # type: ignore[attr-defined]
        self.fields["outcome"].choices = [("", "–"), *self.kind.outcomes.items()]  # type: ignore[attr-defined]
        if not self.kind.outcomes:
            del self.fields["outcome"], self.fields["other_outcome"]

    def initial_of(self, touch: Interaction) -> dict[str, Any]:
        """A touch as the form shows it."""
        outcome = touch.properties.get("outcome", "")
        listed = outcome in self.kind.outcomes
        return {
            "occurred_at": localtime(touch.occurred_at),
            "channel": touch.channel,
            "outcome": outcome if listed else "",
            "other_outcome": "" if listed else outcome,
            "owner": touch.properties.get("owner"),
            "activity": touch.activity_id,
            "text": touch.properties.get("text", ""),
        }

    def values(self) -> dict[str, Any]:
        """The fields as the services take them. A time to the minute stays the exact one it was shown for."""
        data = dict(self.cleaned_data)
        other = data.pop("other_outcome", "")
        shown = self.initial["occurred_at"]
        if data["occurred_at"] == shown.replace(second=0, microsecond=0):
            data["occurred_at"] = shown
        return {**data, "outcome": other or data.get("outcome", ""), "kind": self.kind.kind.value}


class ActivityForm(forms.Form):
    """Make or change an activity."""

    name = forms.CharField(label=_("Name"), max_length=NAME_LENGTH)
    kind = forms.ChoiceField(label=_("Kind"), choices=Activity.Kind.choices)
    channel = forms.ChoiceField(label=_("Channel"), choices=Channel.choices, initial=Channel.OTHER.value)
    owner = forms.ModelChoiceField(
        label=_("Owner"), required=False, queryset=User.objects.none(), empty_label=_("Nobody yet")
    )
    starts_on = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    ends_on = forms.DateField(label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    description = forms.CharField(
        label=_("Description"),
        required=False,
        max_length=DESCRIPTION_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    success_event = forms.CharField(
        label=_("Event that means success"),
        required=False,
        max_length=EVENT_LENGTH,
        help_text=_("Such as contract_signed. Without one no conversion is counted."),
    )
    success_where = forms.CharField(
        label=_("Only where"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("One condition a line, as property: value."),
    )
    window_days = forms.IntegerField(
        label=_("Days after the first touch in which it counts"), min_value=1, max_value=MAX_WINDOW, initial=30
    )

    def __init__(self, *args: Any, activity: Activity | None = None, **kwargs: Any) -> None:
        if activity is not None:
            initial = {name: getattr(activity, name) for name in self.base_fields}
            kwargs["initial"] = {**initial, "success_where": where_to_lines(activity.success_where)}
        super().__init__(*args, **kwargs)
        self.fields["owner"].queryset = colleagues()  # type: ignore[attr-defined]

    def clean_success_where(self) -> dict[str, Any]:
        """The lines as properties and values."""
        try:
            return where_from_lines(self.cleaned_data["success_where"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


class AddCustomersForm(forms.Form):
    """Write down one touch for many customers of an activity."""

    customers = forms.CharField(
        label=_("Customers"),
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=_("External ids or e-mail addresses, one a line or with commas between them; at most 5,000."),
    )
    kind = forms.ChoiceField(label=_("Kind"), choices=TOUCH_CHOICES)
    occurred_at = forms.DateTimeField(
        label=_("When"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    )
    outcome = forms.CharField(label=_("Outcome"), required=False, max_length=OUTCOME_LENGTH)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["occurred_at"].initial = localtime(now())
