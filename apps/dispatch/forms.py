"""The forms of the sending, suppression and mailbox pages. Shape only: what may be sent is decided by the services."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.customers.models import Customer
from apps.dispatch.audiences import (
    EVERYONE,
    IDS,
    ONE,
    SEGMENT,
    STAGE,
    Audience,
    by_external_ids,
    everyone,
    members_of,
    one_customer,
)
from apps.segments.models import Segment
from apps.surveys.models import Survey
from cxm.actor import Actor
from cxm.ids import parse_uuid

NOW, LATER = "now", "later"


class SendForm(forms.Form):
    """Whom to ask, when, and with which words."""

    who = forms.ChoiceField(
        label=gettext_lazy("Who is asked"),
        choices=[
            (EVERYONE, gettext_lazy("Everyone with an e-mail address")),
            (STAGE, gettext_lazy("One stage")),
            (SEGMENT, gettext_lazy("The people of a segment")),
            (IDS, gettext_lazy("Customers whose ids I paste")),
            (ONE, gettext_lazy("One customer")),
        ],
        widget=forms.RadioSelect,
        initial=EVERYONE,
    )
    stage = forms.ChoiceField(
        label=gettext_lazy("Stage"), choices=Customer.Stage.choices, initial=Customer.Stage.CUSTOMER, required=False
    )
    segment = forms.ChoiceField(label=gettext_lazy("Segment"), required=False)
    ids = forms.CharField(
        label=gettext_lazy("External ids or e-mail addresses"),
        required=False,
        max_length=2_000_000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy("One a line, up to 10,000."),
    )
    customer = forms.CharField(
        label=gettext_lazy("The customer's external id or e-mail address"), required=False, max_length=254
    )
    when = forms.ChoiceField(
        label=gettext_lazy("When"),
        choices=[(NOW, gettext_lazy("At once")), (LATER, gettext_lazy("Later"))],
        widget=forms.RadioSelect,
        initial=NOW,
    )
    send_at = forms.DateTimeField(
        label=gettext_lazy("Day and time"),
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    ignore_new_customer_wait = forms.BooleanField(
        label=gettext_lazy("Ask new customers without waiting"),
        required=False,
        help_text=gettext_lazy("Otherwise the first survey waits as many days as the contact rules say."),
    )
    subject = forms.CharField(
        label=gettext_lazy("Subject"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("Left empty: “One question about …”, in the language of the recipient."),
    )
    opening = forms.CharField(
        label=gettext_lazy("First sentence"),
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("After the greeting. Left empty: “One question, about one minute.”"),
    )
    reply_to = forms.EmailField(
        label=gettext_lazy("Replies go to"), required=False, help_text=gettext_lazy("An address that somebody reads.")
    )

    def __init__(self, *args: Any, zone: ZoneInfo, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = zone
        segments = [
            (str(pk), f"{name} ({size})")
            for pk, name, size in Segment.objects.order_by("name").values_list("pk", "name", "size")
            if size is not None
        ]
        if segments:
            self.fields["segment"].choices = segments  # type: ignore[attr-defined]
        else:
            del self.fields["segment"]
            who = self.fields["who"]
            who.choices = [choice for choice in who.choices if choice[0] != SEGMENT]  # type: ignore[attr-defined]
        self.fields["send_at"].help_text = _("In the time of your organisation (%(zone)s).") % {"zone": zone.key}

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("when") == LATER and not data.get("send_at") and "send_at" not in self.errors:
            self.add_error("send_at", _("Choose the day and time."))
        if data.get("who") == ONE and not data.get("customer"):
            self.add_error("customer", _("Name the customer."))
        return data

    def audience(self, actor: Actor, survey: Survey) -> Audience:
        """The customers the form names. Raises `DomainError` naming a field."""
        data = self.cleaned_data
        if data["who"] == IDS:
            return by_external_ids(actor, data["ids"])
        if data["who"] == SEGMENT:
            return members_of(actor, survey, parse_uuid(data["segment"]))
        if data["who"] == ONE:
            return one_customer(actor, data["customer"])
        return everyone(actor, survey, stage=data["stage"] if data["who"] == STAGE else "")

    def send_time(self) -> datetime | None:
        """When to send, None for at once. The field holds a time of the organisation's clock."""
        if self.cleaned_data["when"] == NOW:
            return None
        at: datetime = self.cleaned_data["send_at"]
        return at.replace(tzinfo=self.zone)

    def fingerprint(self) -> str:
        """Of everything that was typed: what was looked at is what is sent, or it is looked at again."""
        typed = [(name, str(self.cleaned_data.get(name))) for name in sorted(self.fields)]
        return hashlib.sha256(repr(typed).encode("utf-8", "replace")).hexdigest()[:32]

    def words(self) -> dict[str, Any]:
        """The organisation's own words, as `invite_customers` takes them."""
        return {name: self.cleaned_data[name] for name in ("subject", "opening", "reply_to")}


class SuppressionForm(forms.Form):
    """Put one address or a pasted list on the suppression list."""

    email = forms.CharField(
        label=gettext_lazy("E-mail addresses"),
        max_length=2_000_000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("One, or a list: by line, comma or space, up to 10,000."),
    )
    note = forms.CharField(
        label=gettext_lazy("Why"), required=False, max_length=200, help_text=gettext_lazy("For your colleagues.")
    )


class LiftForm(forms.Form):
    """Take somebody off the list; what the person said takes the person's word to undo."""

    reason = forms.CharField(
        label=gettext_lazy("Why may this person be mailed again?"),
        max_length=200,
        help_text=gettext_lazy("For example: asked us on the phone. It is kept with the entry."),
    )
    asked_by_person = forms.BooleanField(label=gettext_lazy("The person asked to be mailed again"), required=False)

    def __init__(self, *args: Any, own_word: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not own_word:
            del self.fields["asked_by_person"]
