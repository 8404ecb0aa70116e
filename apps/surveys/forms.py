"""The forms of the survey pages: what a survey is, and the words it asks with."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from django import forms
from django.forms import BoundField
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from apps.organizations.models import Organization
from apps.surveys.definition import MAX_TEXT, Definition, parse_definition
from apps.surveys.models import Survey
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


class EditForm(SurveyForm):
    """A survey's properties and its words: every title in every language, and the thanks."""

    def __init__(self, *args: Any, survey: Survey, **kwargs: Any) -> None:
        super().__init__(*args, survey=survey, **kwargs)
        self.definition: Definition = parse_definition(survey.definition)
        for number, question in enumerate(self.definition.questions.values(), start=1):
            label = (
                _("Question %(n)d") % {"n": number} if question.type != "statement" else _("Text %(n)d") % {"n": number}
            )
            self._add_texts(f"title.{question.id}", label, question.title, long=True)
            for band, words in (
                ("low", _("When the score is low")),
                ("middle", _("When the score is in between")),
                ("high", _("When the score is high")),
            ):
                if band in question.follow_up:
                    self._add_texts(f"{band}.{question.id}", words, question.follow_up[band])
            for point, text in question.labels.items():
                self._add_texts(f"label{point}.{question.id}", _("Words at %(n)d") % {"n": point}, text)
            for choice in (*question.choices, *question.rows):
                self._add_texts(
                    f"choice-{choice.id}.{question.id}", _("Choice “%(id)s”") % {"id": choice.id}, choice.label
                )
        for key, label in (("title", _("Thanks")), ("text", _("Below the thanks"))):
            if key == "title" or key in self.definition.thank_you:
                self._add_texts(f"thanks.{key}", label, self.definition.thank_you.get(key, {}))

    def _add_texts(self, name: str, label: str, texts: Any, *, long: bool = False) -> None:
        """A field for each language; only the survey's first language must have the text to be saved."""
        for language in self.definition.languages:
            attributes: dict[str, Any] = {"lang": language, "dir": "auto"}
            self.fields[f"{name}.{language}"] = forms.CharField(
                label=label,
                initial=texts.get(language, ""),
                max_length=MAX_TEXT,
                required=language == self.definition.languages[0] and not name.startswith("thanks."),
                widget=forms.Textarea({**attributes, "rows": 2}) if long else forms.TextInput(attributes),
            )

    def by_language(self) -> Iterator[tuple[str, str, list[BoundField]]]:
        """(code, own name, fields) for each language, in the order they are asked."""
        for language in self.definition.languages:
            fields = [self[name] for name in self.fields if name.endswith(f".{language}")]
            yield language, LANGUAGE_NAMES.get(language, language), fields

    def properties(self) -> list[BoundField]:
        """The fields above the words."""
        return [self[name] for name in self.fields if "." not in name]

    def written_definition(self) -> dict[str, Any]:
        """The definition as JSON with the words of the form; an emptied text is left out."""
        raw = copy.deepcopy(self.definition.to_json())
        questions = {question["id"]: question for page in raw["pages"] for question in page["questions"]}
        for name, text in self.cleaned_data.items():
            if "." not in name:
                continue
            path, language = name.rsplit(".", 1)
            part, target = path.split(".", 1)
            words = _words_at(raw, questions, part, target)
            if text.strip():
                words[language] = text.strip()
            else:
                words.pop(language, None)
        raw["thank_you"] = {key: words for key, words in raw["thank_you"].items() if words}
        return raw


def _words_at(raw: dict[str, Any], questions: dict[str, Any], part: str, target: str) -> Any:
    """The words by language inside the definition that is being written."""
    if part == "thanks":
        return raw["thank_you"].setdefault(target, {})
    question = questions[target]
    if part == "title":
        return question["title"]
    if part.startswith("label"):
        return question["labels"][part.removeprefix("label")]
    if part.startswith("choice-"):
        wanted = part.removeprefix("choice-")
        entries = (*question.get("choices", ()), *question.get("rows", ()))
        return next(entry["label"] for entry in entries if entry["id"] == wanted)
    return question["follow_up"][part]
