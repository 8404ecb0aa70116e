"""The forms of the opportunity pages. Shape only: what a field may hold is decided by the services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.insights.forms import step_choices
from apps.insights.models import Insight
from apps.opportunities.models import SCORES, Opportunity
from apps.opportunities.services import LONGEST_PAIN, LONGEST_TEXT, LONGEST_TITLE
from apps.organizations.models import Membership
from apps.personas.models import Persona
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor
from cxm.scope import current_tenant_id

BEGINNING = _("How might we ")
MARKS = [("", _("Not scored")), ("5", _("5 very high")), ("4", "4"), ("3", "3"), ("2", "2"), ("1", _("1 very low"))]


def _mark(label: Any, hint: Any) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label=label, required=False, coerce=int, empty_value=None, choices=MARKS, help_text=hint
    )


class OpportunityForm(forms.Form):
    """A title makes an opportunity; scores and evidence make it comparable."""

    title = forms.CharField(
        label=_("How might we …?"), max_length=LONGEST_TITLE, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    pain_point = forms.CharField(
        label=_("Pain point"),
        required=False,
        max_length=LONGEST_PAIN,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("What hurts customers today."),
    )
    description = forms.CharField(
        label=_("Description"), required=False, max_length=LONGEST_TEXT, widget=forms.Textarea(attrs={"rows": 4})
    )
    place = forms.ChoiceField(label=_("Step of a map"), required=False, choices=())
    touchpoint = forms.ModelChoiceField(
        label=_("Touchpoint"),
        required=False,
        queryset=Touchpoint.objects.none(),
        to_field_name="key",
        empty_label=_("None"),
        help_text=_("Its answers and events count as evidence."),
    )
    persona = forms.ModelChoiceField(
        label=_("Persona"), required=False, queryset=Persona.objects.none(), empty_label=_("Everyone")
    )
    customer_value = _mark(_("Customer value"), _("How much it would help customers."))
    business_value = _mark(_("Business value"), _("How much it would help the organisation."))
    effort = _mark(_("Effort"), _("What it would take."))
    status = forms.ChoiceField(label=_("Status"), choices=Opportunity.Status.choices)
    horizon = forms.ChoiceField(label=_("Horizon"), choices=Opportunity.Horizon.choices)
    due_date = forms.DateField(
        label=_("Due"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    owner = forms.ModelChoiceField(
        label=_("Owner"), required=False, queryset=User.objects.none(), empty_label=_("Nobody yet")
    )

    def __init__(
        self, *args: Any, actor: Actor, opportunity: Opportunity | None = None, place_label: str = "", **kwargs: Any
    ) -> None:
        values = {"status": Opportunity.Status.NEW, "horizon": Opportunity.Horizon.LATER, **(kwargs.pop("initial", {}))}
        if opportunity is not None:
            names = ("title", "pain_point", "description", "status", "horizon", "due_date", *SCORES)
            values = {name: getattr(opportunity, name) for name in names}
            values["touchpoint"] = opportunity.touchpoint.key if opportunity.touchpoint else None
            values |= {"persona": opportunity.persona_id, "owner": opportunity.owner_id}
            values |= {"place": _place(opportunity), "place_label": place_label}
        kwargs["initial"] = values
        super().__init__(*args, **kwargs)
        kept = Touchpoint.objects.filter(archived_at=None)
        if opportunity is not None and opportunity.touchpoint_id:
            kept = kept | Touchpoint.objects.filter(pk=opportunity.touchpoint_id)
        members = Membership.objects.filter(organization_id=current_tenant_id(), is_active=True)
        people = User.objects.filter(pk__in=list(members.values_list("user_id", flat=True)))
        fields: dict[str, Any] = self.fields
        fields["touchpoint"].queryset = kept.order_by("name")
        fields["persona"].queryset = Persona.objects.order_by("name")
        fields["owner"].queryset = people.order_by("name", "email")
        choices = [("", _("None")), *step_choices(actor)]
        standing = str(values.get("place") or "")
        known = {key for _map, steps in choices[1:] for key, _label in steps}
        if standing and standing not in known:
            label = values.get("place_label") or (
                opportunity.journey.name if opportunity and opportunity.journey else ""
            )
            choices.insert(1, (standing, label or _("Where it was written")))
        fields["place"].choices = choices

    def values(self, opportunity: Opportunity | None = None) -> dict[str, Any]:
        """What was typed, as the services take it; a place that stays as it is is left out."""
        values = {name: value for name, value in self.cleaned_data.items() if name != "place"}
        chosen = self.cleaned_data["place"]
        if opportunity is not None and chosen == _place(opportunity):
            return values
        kind, _colon, rest = chosen.partition("=") if "=" in chosen else ("step", "", chosen)
        journey, _colon, pk = rest.partition(":")
        return {**values, "journey": journey or None, "step": None, "card": None, **({kind: pk} if pk else {})}


def _place(opportunity: Opportunity) -> str:
    """The choice that stands for where an opportunity is; a card has its own: it is not in the list of steps."""
    if opportunity.journey_id is None:
        return ""
    if opportunity.card_id:
        return f"card={opportunity.journey_id}:{opportunity.card_id}"
    return f"{opportunity.journey_id}:{opportunity.step_id or ''}"


class ScoreForm(forms.Form):
    """Give the three scores beside the evidence."""

    customer_value = _mark(_("Customer value"), "")
    business_value = _mark(_("Business value"), "")
    effort = _mark(_("Effort"), "")


class EvidenceForm(forms.Form):
    """Link an insight or an idea to an opportunity; those offered are the newest that are not linked yet."""

    insight = forms.ModelChoiceField(
        label=_("Insight"), required=False, queryset=Insight.objects.none(), empty_label=_("Choose an insight")
    )
    idea = forms.IntegerField(label=_("Number of an idea"), required=False, min_value=1, max_value=2_000_000_000)
