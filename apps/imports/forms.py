"""Forms of the import pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.imports.kinds import KINDS, Kind
from apps.imports.models import ImportJob
from apps.imports.services import NEEDS_SURVEY
from apps.segments.models import Segment
from apps.surveys.models import Survey

NEW_NPS, NEW_CSAT, NEW_CES = "new-nps", "new-csat", "new-ces"
NEW_LIST = "new"
_MONTH_HINT = _("Months as 2025-03, 03/2025 or any date in them are understood without one.")


class UploadForm(forms.Form):
    """The file, what it holds, and where its rows belong: only what the chosen kind needs is asked."""

    kind = forms.ChoiceField(
        label=_("What does the file hold?"), choices=(), widget=forms.RadioSelect, initial="responses"
    )
    survey = forms.ChoiceField(
        label=_("Survey the answers belong to"),
        required=False,
        help_text=_("For answers and for past results. A new survey gets the standard question of its kind."),
    )
    survey_name = forms.CharField(
        label=_("Name of the new survey"), required=False, max_length=120, help_text=_("Only for a new survey.")
    )
    segment = forms.ChoiceField(
        label=_("Segment the customers belong to"),
        required=False,
        help_text=_("Only for members of a segment: a static one, or a new one."),
    )
    segment_name = forms.CharField(
        label=_("Name of the new segment"), required=False, max_length=120, help_text=_("Only for a new segment.")
    )
    members = forms.ChoiceField(
        label=_("Members there are already"), choices=ImportJob.Members.choices, required=False, initial="add"
    )
    file = forms.FileField(
        label=_("File"), help_text=_("CSV or XLSX, with a heading, up to 512 MB."), allow_empty_file=True
    )

    def __init__(self, *args: Any, kinds: list[Kind], chosen: Kind | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _set_choices(self, "kind", [(kind.name, kind.label) for kind in kinds])
        if chosen is not None:
            self.fields["kind"].widget = forms.HiddenInput()
            self.initial["kind"] = chosen.name
        if chosen is not None and chosen.name not in NEEDS_SURVEY:
            del self.fields["survey"], self.fields["survey_name"]
        else:
            self._offer_surveys()
        if chosen is not None and chosen.name != "segment_members":
            for name in ("segment", "segment_name", "members"):
                del self.fields[name]
        else:
            self._offer_segments()

    def _offer_surveys(self) -> None:
        live = Survey.objects.exclude(current_version=None).order_by("name").values_list("pk", "name")
        surveys = [
            (NEW_NPS, _("A new NPS survey (0 to 10)")),
            (NEW_CSAT, _("A new CSAT survey (1 to 5)")),
            (NEW_CES, _("A new CES survey (1 to 7)")),
            *((str(pk), name) for pk, name in live),
        ]
        _set_choices(self, "survey", surveys)

    def _offer_segments(self) -> None:
        lists = Segment.objects.filter(kind=Segment.Kind.STATIC).order_by("name").values_list("pk", "name")
        _set_choices(self, "segment", [(NEW_LIST, _("A new static segment")), *((str(pk), name) for pk, name in lists)])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("kind") in NEEDS_SURVEY:
            if not data.get("survey"):
                self.add_error("survey", _("Choose a survey."))
            elif data["survey"].startswith("new-") and not data.get("survey_name", "").strip():
                self.add_error("survey_name", _("Give the new survey a name."))
        if data.get("kind") == "segment_members":
            if not data.get("segment"):
                self.add_error("segment", _("Choose a segment."))
            elif data["segment"] == NEW_LIST and not data.get("segment_name", "").strip():
                self.add_error("segment_name", _("Give the new segment a name."))
        return data


def _set_choices(form: forms.Form, name: str, choices: list[tuple[str, Any]]) -> None:
    form.fields[name].choices = choices  # type: ignore[attr-defined]


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
        known = KINDS[kind]
        choices = [("", _("Not in the file")), *((column, column) for column in columns)]
        for target, label in known.targets.items():
            self.fields[f"map.{target}"] = forms.ChoiceField(
                label=label,
                choices=choices,
                required=(target,) in known.required,
                initial=suggestion.get(target, ""),
                error_messages={"required": _("Say which column this is.")},
            )
        if known.dated:
            self.fields["date_format"] = forms.CharField(
                label=_("Format of the dates"),
                required=False,
                max_length=60,
                initial=date_formats[0] if len(date_formats) == 1 else "",
                help_text=_MONTH_HINT if kind == "totals" else _date_hint(date_formats),
            )
        if known.makes_touchpoints:
            self.fields["create_touchpoints"] = forms.BooleanField(
                label=_("Create touchpoints that are not in the library yet"), required=False, initial=True
            )
        self._prefix = known.named_as.removesuffix("NAME")
        if known.named is not None:
            is_for_events = self._prefix == "properties."
            self.fields["further"] = forms.MultipleChoiceField(
                label=_("Keep these columns as properties of the event")
                if is_for_events
                else _("Keep these columns as attributes"),
                choices=[(column, column) for column in columns],
                required=False,
                initial=[column for column in columns if is_for_events and column not in suggestion.values()],
                widget=forms.CheckboxSelectMultiple,
            )
        self.fields["dry_run"] = forms.BooleanField(
            label=_("Only check the file: nothing is written"),
            help_text=_("You see what would be made, changed and refused, and can then import it with one click."),
            required=False,
        )

    def mapping(self) -> dict[str, object]:
        """The mapping in the form that api.md has."""
        data = self.cleaned_data
        found: dict[str, object] = {
            name.removeprefix("map."): value for name, value in data.items() if name.startswith("map.") and value
        }
        found |= {f"{self._prefix}{column[:64]}": column for column in data.get("further", ())}
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
