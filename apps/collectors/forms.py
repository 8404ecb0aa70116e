"""The form of a place. Shape only: what a field may hold is decided by the service."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.collectors.models import Collector
from apps.collectors.options import HEADLINE_LENGTH, TEXT_LENGTH, default_options
from apps.organizations.models import Unit
from apps.surveys.models import Survey
from apps.surveys.wording import LANGUAGE_NAMES
from apps.touchpoints.models import Touchpoint

TRIGGERS = [
    ("delay", _("after some seconds")),
    ("scroll", _("once so much of the page was scrolled (per cent)")),
    ("exit", _("when the visitor turns to leave, after some seconds at least")),
]


class CollectorForm(forms.Form):
    """What every place has: a name, and what its answers are stored with."""

    name = forms.CharField(
        label=_("Name"), max_length=120, help_text=_("Where it is: Entrance, Checkout page, Table 4.")
    )
    unit = forms.ModelChoiceField(
        label=_("Unit"),
        required=False,
        queryset=Unit.objects.none(),
        empty_label=_("None"),
        help_text=_("Answers given here count for it."),
    )
    touchpoint = forms.ModelChoiceField(
        label=_("Touchpoint"),
        required=False,
        queryset=Touchpoint.objects.none(),
        empty_label=_("That of the survey"),
    )

    def __init__(self, *args: Any, survey: Survey, collector: Collector | None = None, **kwargs: Any) -> None:
        self.collector = collector
        options = {**default_options(self.kind), **(collector.settings if collector else {})}
        fields = {"name": "name", "unit": "unit_id", "touchpoint": "touchpoint_id", "language": "language"}
        own = {field: getattr(collector, column) for field, column in fields.items()} if collector else {}
        kwargs["initial"] = {**self.shown(options), **own}
        super().__init__(*args, **kwargs)
        self.fields["unit"].queryset = Unit.objects.order_by("name")  # type: ignore[attr-defined]
        rows = Touchpoint.objects.filter(archived_at=None).order_by("name")
        self.fields["touchpoint"].queryset = rows  # type: ignore[attr-defined]
        if "language" in self.fields:
            names = [(code, LANGUAGE_NAMES.get(code, code)) for code in survey.languages]
            self.fields["language"].choices = names  # type: ignore[attr-defined]

    kind = Collector.Kind.POSTER

    @staticmethod
    def shown(options: dict[str, Any]) -> dict[str, Any]:
        """Settings as the fields show them."""
        return options

    def values(self) -> dict[str, Any]:
        """The fields as the services take them."""
        data = dict(self.cleaned_data)
        common = {name: data.pop(name) for name in ("name", "unit", "touchpoint")}
        return {**common, "language": data.pop("language", ""), "settings": self.settings(data)}

    def settings(self, data: dict[str, Any]) -> dict[str, Any]:
        """The fields of this kind as the settings of the place."""
        return data


class PosterForm(CollectorForm):
    """A poster, a table card, a receipt."""

    kind = Collector.Kind.POSTER
    language = forms.ChoiceField(label=_("Language"), help_text=_("The words we print are in it."))
    headline = forms.CharField(
        label=_("Headline"),
        required=False,
        max_length=HEADLINE_LENGTH,
        help_text=_("In large letters. Without one: “How was it?” in that language."),
    )
    text = forms.CharField(
        label=_("Text"), required=False, max_length=TEXT_LENGTH, widget=forms.Textarea(attrs={"rows": 3})
    )


class KioskForm(CollectorForm):
    """A tablet at the door."""

    kind = Collector.Kind.KIOSK
    language = forms.ChoiceField(label=_("Language at the start"))
    pin = forms.CharField(
        label=_("PIN for staff"),
        required=False,
        max_length=8,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        help_text=_("4 to 8 digits. Staff leave the kiosk with it and see what it keeps."),
    )
    ask_text = forms.BooleanField(
        label=_("Ask for text"),
        required=False,
        help_text=_("Off: open questions are left out, unless the survey cannot do without them."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.collector:
            self.fields["pin"].help_text = _("Leave empty to keep the one there is.")

    @staticmethod
    def shown(options: dict[str, Any]) -> dict[str, Any]:
        return {"ask_text": options["ask_text"]}

    def settings(self, data: dict[str, Any]) -> dict[str, Any]:
        return data if data["pin"] or not self.collector else {"ask_text": data["ask_text"]}


class WidgetForm(CollectorForm):
    """A frame on a web site."""

    kind = Collector.Kind.WIDGET
    sites = forms.CharField(
        label=_("Sites that may show it"),
        max_length=5_000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=_("One a line, such as https://shop.example.com. Other sites get nothing."),
    )
    sample = forms.IntegerField(label=_("Share of visitors, %"), min_value=1, max_value=100)
    trigger = forms.ChoiceField(label=_("When it appears"), choices=TRIGGERS)
    after = forms.IntegerField(label=_("Seconds, or per cent of the page"), min_value=0, max_value=600)
    again = forms.IntegerField(
        label=_("Not again for, days"),
        min_value=0,
        max_value=730,
        help_text=_("By browser. Customers whom your site names are asked by your rules of contact frequency, too."),
    )

    @staticmethod
    def shown(options: dict[str, Any]) -> dict[str, Any]:
        return {**options, "sites": "\n".join(options["sites"])}

    def settings(self, data: dict[str, Any]) -> dict[str, Any]:
        return {**data, "sites": [line.strip() for line in data["sites"].splitlines() if line.strip()]}


FORMS: dict[str, type[CollectorForm]] = {form.kind: form for form in (PosterForm, KioskForm, WidgetForm)}
