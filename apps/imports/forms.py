"""Forms of the import pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.imports.mapping import TARGETS
from apps.surveys.models import Survey

NEW_NPS, NEW_CSAT, NEW_CES = "new-nps", "new-csat", "new-ces"


class UploadForm(forms.Form):
    """What the file holds, where its answers belong, and the file."""

    kind = forms.ChoiceField(
        label=_("What does the file hold?"),
        choices=[("responses", _("Answers to a survey")), ("customers", _("Customers"))],
        widget=forms.RadioSelect,
        initial="responses",
    )
    survey = forms.ChoiceField(
        label=_("Survey the answers belong to"),
        required=False,
        help_text=_("Only for answers. A new survey gets the standard question of its kind."),
    )
    survey_name = forms.CharField(
        label=_("Name of the new survey"), required=False, max_length=120, help_text=_("Only for a new survey.")
    )
    file = forms.FileField(
        label=_("File"), help_text=_("CSV or XLSX, with a heading, up to 100 MB."), allow_empty_file=True
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        live = Survey.objects.exclude(current_version=None).order_by("name").values_list("pk", "name")
        self.fields["survey"].choices = [  # type: ignore[attr-defined]
            (NEW_NPS, _("A new NPS survey (0 to 10)")),
            (NEW_CSAT, _("A new CSAT survey (1 to 5)")),
            (NEW_CES, _("A new CES survey (1 to 7)")),
            *((str(pk), name) for pk, name in live),
        ]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("kind") == "responses":
            if not data.get("survey"):
                self.add_error("survey", _("Choose a survey."))
            elif data["survey"].startswith("new-") and not data.get("survey_name", "").strip():
                self.add_error("survey_name", _("Give the new survey a name."))
        return data


class MappingForm(forms.Form):
    """Which column is what, from the columns of the uploaded file."""

    def __init__(
        self,
        *args: Any,
        kind: str,
        columns: list[str],
        suggestion: dict[str, str],
        date_formats: list[str],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", _("Not in the file")), *((column, column) for column in columns)]
        for target, label in TARGETS[kind].items():
            self.fields[f"map.{target}"] = forms.ChoiceField(
                label=label, choices=choices, required=False, initial=suggestion.get(target, "")
            )
        if kind == "responses":
            self.fields["date_format"] = forms.CharField(
                label=_("Format of the dates"),
                required=False,
                max_length=60,
                initial=date_formats[0] if len(date_formats) == 1 else "",
                help_text=_date_hint(date_formats),
            )
            self.fields["create_touchpoints"] = forms.BooleanField(
                label=_("Create touchpoints that are not in the library yet"), required=False, initial=True
            )
        self.fields["attributes"] = forms.MultipleChoiceField(
            label=_("Keep these columns as attributes"),
            choices=[(column, column) for column in columns],
            required=False,
            widget=forms.CheckboxSelectMultiple,
        )
        self.fields["dry_run"] = forms.BooleanField(label=_("Only check the file: nothing is written"), required=False)

    def mapping(self) -> dict[str, object]:
        """The mapping in the form that api.md has."""
        data = self.cleaned_data
        found: dict[str, object] = {
            name.removeprefix("map."): value for name, value in data.items() if name.startswith("map.") and value
        }
        found |= {f"attributes.{column[:64]}": column for column in data["attributes"]}
        if data.get("date_format"):
            found["date_format"] = data["date_format"]
        if "create_touchpoints" in data:
            found["create_touchpoints"] = data["create_touchpoints"]
        return found

    def add_mapping_errors(self, errors: list[Any]) -> None:
        """Put the service's errors (``mapping.score``) beside the fields they speak of."""
        for error in errors:
            name = error["field"].removeprefix("mapping.")
            field = f"map.{name}" if f"map.{name}" in self.fields else name
            self.add_error(field if field in self.fields else None, error["message"])


def _date_hint(formats: list[str]) -> Any:
    if len(formats) > 1:
        return _("These dates fit several formats: %(formats)s. Choose one.") % {"formats": ", ".join(formats)}
    return _("Found in the file; “iso” stands for 2026-01-31. Change it if the preview is wrong.")
