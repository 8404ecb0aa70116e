"""The forms of the customer pages. Shape only: what a field may hold is decided by the services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.customers.models import ConsentRecord, Customer
from apps.customers.rules import attributes_from_lines, attributes_to_lines
from apps.organizations.models import Unit


class CustomerForm(forms.Form):
    """Make or change a customer."""

    name = forms.CharField(label=_("Name"), required=False, max_length=200)
    external_id = forms.CharField(
        label=_("External id"), required=False, max_length=200, help_text=_("Your own id of this customer.")
    )
    email = forms.CharField(label=_("E-mail"), required=False, max_length=254, widget=forms.EmailInput)
    phone = forms.CharField(
        label=_("Phone"), required=False, max_length=60, widget=forms.TextInput(attrs={"type": "tel"})
    )
    stage = forms.ChoiceField(label=_("Stage"), choices=Customer.Stage.choices, initial=Customer.Stage.CUSTOMER)
    account = forms.CharField(
        label=_("Account"), required=False, max_length=200, help_text=_("The company or household.")
    )
    unit = forms.ModelChoiceField(
        label=_("Unit"), required=False, queryset=Unit.objects.none(), empty_label=_("No unit")
    )
    language = forms.CharField(label=_("Language"), required=False, max_length=10, help_text=_("Such as en or pt-BR."))
    timezone = forms.CharField(
        label=_("Time zone"), required=False, max_length=64, help_text=_("Such as Europe/Berlin.")
    )
    attributes = forms.CharField(
        label=_("Attributes"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=_("One a line, as name: value. Numbers, true, false and null are taken as such."),
    )

    def __init__(self, *args: Any, customer: Customer | None = None, **kwargs: Any) -> None:
        if customer is not None:
            initial = {name: getattr(customer, name) for name in self.base_fields}
            kwargs["initial"] = {**initial, "attributes": attributes_to_lines(customer.attributes)}
        super().__init__(*args, **kwargs)
        self.fields["unit"].queryset = Unit.objects.order_by("name")  # type: ignore[attr-defined]

    def clean_attributes(self) -> dict[str, Any]:
        """The lines as an object."""
        try:
            return attributes_from_lines(self.cleaned_data["attributes"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


class ConsentForm(forms.Form):
    """Record consent or its withdrawal by hand."""

    purpose = forms.ChoiceField(label=_("Purpose"), choices=ConsentRecord.Purpose.choices)
    channel = forms.ChoiceField(label=_("Channel"), choices=ConsentRecord.Channel.choices, initial="any")
    state = forms.ChoiceField(label=_("What they said"), choices=ConsentRecord.State.choices)
    how = forms.CharField(label=_("How"), required=False, max_length=80, help_text=_("Such as “by phone on Monday”."))
    text_version = forms.CharField(
        label=_("Text they agreed to"), required=False, max_length=40, help_text=_("Its version, such as 2026-10.")
    )
    at = forms.DateTimeField(
        label=_("When"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("Now, when left empty."),
    )
