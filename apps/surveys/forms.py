"""The forms of the survey pages: a new survey, its settings, and a definition from a file."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from apps.organizations.models import Organization
from apps.surveys.catalogue import TEMPLATES
from apps.surveys.models import Survey
from apps.surveys.services.surveys import MAX_ANSWER_LIMIT, MAX_DEFINITION_BYTES
from apps.surveys.wording import LANGUAGE_NAMES
from apps.touchpoints.models import Touchpoint

KIND_HELP = lazy(
    "NPS: would they recommend you, 0 to 10. CSAT: how satisfied with one contact, 1 to 5. CES: was it easy, 1 to 7."
)


def language_options(organization: Organization, survey: Survey | None = None) -> list[tuple[str, str]]:
    """Languages to choose from: the organisation's, the survey's, and all that have standard wordings."""
    codes = [organization.default_language, *organization.languages, *(survey.languages if survey else ())]
    return [(code, LANGUAGE_NAMES.get(code, code)) for code in dict.fromkeys([*codes, *LANGUAGE_NAMES]) if code]


class SurveyForm(forms.Form):
    """A new survey."""

    name = forms.CharField(
        label=lazy("Name"), max_length=120, help_text=lazy("For colleagues; respondents do not see it.")
    )
    kind = forms.ChoiceField(label=lazy("Kind"), choices=Survey.Kind.choices, help_text=KIND_HELP)
    touchpoint = forms.ModelChoiceField(
        label=lazy("Touchpoint"),
        queryset=Touchpoint.objects.none(),
        required=False,
        empty_label=lazy("None: about the organisation"),
        help_text=lazy("What the question is about. Its score shows on every map with this touchpoint."),
    )
    relationship = forms.BooleanField(
        label=lazy("Relationship survey"),
        required=False,
        help_text=lazy(
            "About the whole relationship, asked from time to time. Only these make the company's headline."
        ),
    )
    anonymous = forms.BooleanField(
        label=lazy("Anonymous"),
        required=False,
        help_text=lazy("No way leads from an answer to a person, and small groups are never shown. Cannot be undone."),
    )
    languages = forms.MultipleChoiceField(
        label=lazy("Languages"), widget=forms.CheckboxSelectMultiple, help_text=lazy("The first is the fallback.")
    )

    def __init__(self, *args: Any, organization: Organization, survey: Survey | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        fields["touchpoint"].queryset = Touchpoint.objects.filter(archived_at=None).order_by("name")
        fields["languages"].choices = language_options(organization, survey)
        if survey is None:
            fields["languages"].initial = [organization.default_language]
        elif survey.current_version:
            del fields["kind"], fields["anonymous"]


class NewSurveyForm(SurveyForm):
    """A new survey from the catalogue, or with the standard question of a kind."""

    template = forms.ChoiceField(label=lazy("Template"), required=False, widget=forms.RadioSelect)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        fields["template"].choices = [
            *((template.id, template.name) for template in TEMPLATES.values()),
            ("", lazy("Blank")),
        ]
        fields["name"].required = False
        fields["name"].help_text = lazy("For colleagues. Left empty, it is the template's name.")
        fields["kind"].required = False
        fields["languages"].help_text = lazy("The first is the fallback. All of these come ready translated.")

    def clean(self) -> dict[str, Any]:
        """Without a template the survey needs a name and a kind of its own."""
        values: dict[str, Any] = super().clean() or {}
        if not values.get("template"):
            for name in ("name", "kind"):
                if not values.get(name) and name not in self.errors:
                    self.add_error(name, _("This field is required."))
        return values


class SettingsForm(SurveyForm):
    """What a survey is about, whom it asks, in which languages, and when it ends."""

    SURVEY_FIELDS = (
        "name", "kind", "touchpoint", "relationship", "anonymous", "languages", "audience", "slug", "closes_at",
        "answer_limit",
    )  # fmt: skip

    audience = forms.ChoiceField(label=lazy("Audience"), choices=Survey.Audience.choices)
    slug = forms.CharField(
        label=lazy("Address"),
        max_length=80,
        required=False,
        help_text=lazy("The last part of the link for everybody: letters, digits and hyphens."),
    )
    closes_at = forms.DateTimeField(
        label=lazy("Closes at"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    answer_limit = forms.IntegerField(
        label=lazy("Most answers"),
        required=False,
        min_value=1,
        max_value=MAX_ANSWER_LIMIT,
        help_text=lazy("It closes by itself once so many were sent."),
    )

    def __init__(self, *args: Any, organization: Organization, survey: Survey, **kwargs: Any) -> None:
        super().__init__(*args, organization=organization, survey=survey, **kwargs)
        self.zone = ZoneInfo(organization.timezone)
        fields: dict[str, Any] = self.fields
        if "kind" in fields:
            fields["kind"].help_text = _(
                "The metric of its first measured question. If that is another one, the standard question takes the "
                "place of all questions; undo in the editor brings them back."
            )
        fields["closes_at"].help_text = _("In the time zone %(zone)s.") % {"zone": organization.timezone}
        if moment := self.initial.get("closes_at"):
            self.initial["closes_at"] = timezone.localtime(moment, self.zone).replace(tzinfo=None)
        if survey.current_version:
            for name in ("audience", "slug"):
                del fields[name]

    def clean_closes_at(self) -> datetime | None:
        """The time in the organisation's zone, whatever the zone of the person."""
        moment: datetime | None = self.cleaned_data["closes_at"]
        return moment.replace(tzinfo=self.zone) if moment else None

    def changes(self, survey: Survey) -> dict[str, Any]:
        """What the service is to change: languages keep their order, and stay out when they are the same."""
        values = dict(self.cleaned_data)
        order = {code: place for place, code in enumerate(survey.languages)}
        values["languages"] = sorted(values["languages"], key=lambda code: order.get(code, len(order)))
        if values["languages"] == survey.languages:
            del values["languages"]
        return values


class ImportForm(forms.Form):
    """A definition as documented JSON, from a file or pasted."""

    name = forms.CharField(label=lazy("Name"), max_length=120)
    file = forms.FileField(label=lazy("File"), required=False, help_text=lazy("A .json file of at most 512 kB."))
    definition = forms.CharField(
        label=lazy("Or paste it"),
        required=False,
        strip=False,
        widget=forms.Textarea({"rows": 14, "dir": "ltr", "spellcheck": "false", "class": "cx-mono"}),
    )

    def __init__(self, *args: Any, named: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not named:
            del self.fields["name"]

    def clean(self) -> dict[str, Any]:
        """One of both must be there, as text in UTF-8."""
        values: dict[str, Any] = super().clean() or {}
        upload = values.get("file")
        if not upload and not (values.get("definition") or "").strip() and not self.errors:
            self.add_error("file", _("Choose a file, or paste the definition."))
        if upload and upload.size > MAX_DEFINITION_BYTES:
            self.add_error("file", _("This file is too large: 512 kB at most."))
        elif upload:
            try:
                values["definition"] = upload.read().decode("utf-8-sig")
            except UnicodeDecodeError:
                self.add_error("file", _("This file is not text in UTF-8."))
        return values

    def text(self) -> str:
        """What was given."""
        return str(self.cleaned_data["definition"])
