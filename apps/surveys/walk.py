"""Walking through a draft as a respondent would: the real templates, the real conditions, and nothing stored.

What was answered on earlier screens travels as JSON in a field of the form.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from django.http import QueryDict
from django.utils.translation import gettext as _

from apps.surveys.answers import AnswerProblem, validate_answers, whole_number
from apps.surveys.definition import Definition
from apps.surveys.models import Survey
from apps.surveys.piping import PipedValues, pipe
from apps.surveys.respondent import (
    build_screen,
    choose_language,
    effort,
    field_name,
    language_choices,
    piped_values,
    read_form,
    visible_screens,
)
from apps.surveys.respondent_texts import respondent_texts
from apps.surveys.wording import is_right_to_left

Json = Any
SO_FAR: Final = "so_far"
MAX_SO_FAR: Final = 200_000


class Walk:
    """One screen of the draft after another, for somebody who looks at it."""

    def __init__(self, survey: Survey, definition: Definition, organization: Any, *, home: str, dark: str = "") -> None:
        """``home`` is the address of the walk; ``dark`` that of the sheet which shows it as on a dark phone, or ""."""
        self.survey, self.definition, self.organization, self.home = survey, definition, organization, home
        self.dark = dark

    def show(
        self,
        answers: Mapping[str, Json],
        language: str,
        *,
        number: int = 1,
        at: str = "",
        errors: Mapping[str, AnswerProblem] | None = None,
    ) -> tuple[str, dict[str, Any]]:
        """The template and the context of a screen: the one with question ``at``, else screen ``number``."""
        language = choose_language(self.definition, language)
        for place, questions in enumerate(visible_screens(self.definition, answers), start=1):
            if any(question.id == at for question in questions):
                number = place
        screen = build_screen(
            self.definition, answers, number, language, errors, values=self._values(answers, language)
        )
        texts = self._texts(language)
        so_far = json.dumps(answers, ensure_ascii=False)
        context = {
            **self._context(language, texts),
            "screen": screen,
            "privacy": self.home,
            "effort": effort(self.definition, language),
            "who": texts["anonymous" if self.survey.anonymous else "identified"],
            "may_contact": not self.survey.anonymous and screen.is_last,
            "progress": texts["progress"].format(n=screen.number, total=screen.total),
            "carried": [(SO_FAR, so_far), *([("theme", "dark")] if self.dark else [])],
        }
        return "surveys/preview_form.html", context

    def step(self, form: QueryDict, files: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """What follows on a screen that was sent: the next, the one before, the same with its mistakes, the thanks."""
        language = choose_language(self.definition, form.get("lang", ""))
        answers = self._so_far(form.get(SO_FAR, ""))
        number = whole_number(form.get("page", "")) or 1
        screens = visible_screens(self.definition, answers)
        number = min(max(number, 1), len(screens))
        here = screens[number - 1]
        answers = {name: value for name, value in answers.items() if name not in {question.id for question in here}}
        answers |= read_form(here, form)
        checked = validate_answers(self.definition, answers)
        wrong = {
            question.id: checked.errors[question.id]
            for question in here
            if question.id in checked.errors and not (question.type == "file" and files.get(field_name(question)))
        }
        if form.get("go") == "back":
            return self.show(answers, language, number=number - 1)
        if wrong:
            return self.show(answers, language, number=number, errors=wrong)
        answers = checked.values
        if number >= len(visible_screens(self.definition, answers)):
            return self._thanks(answers, language)
        return self.show(answers, language, number=number + 1)

    def _thanks(self, answers: Mapping[str, Json], language: str) -> tuple[str, dict[str, Any]]:
        texts, values = self._texts(language), self._values(answers, language)
        thanks, link = self.definition.thank_you, self.definition.thank_you_link
        heading = pipe(self.definition.text(thanks.get("title", {}), language), values)
        text = pipe(self.definition.text(thanks.get("text", {}), language), values)
        context = {
            **self._context(language, {**texts, "change": _("Start again")}),
            "heading": heading or texts["done"],
            "text": text or texts["done_close"],
            "link": {"url": link.url, "label": self.definition.text(link.label, language)} if link else None,
            "change": f"{self.home}?lang={language}{'&theme=dark' if self.dark else ''}",
        }
        return "surveys/preview_thanks.html", context

    def _context(self, language: str, texts: Mapping[str, str]) -> dict[str, Any]:
        return {
            "t": texts,
            "language": language,
            "direction": "rtl" if is_right_to_left(language) else "ltr",
            "others": language_choices(self.definition, language),
            "organization": self.organization,
            "home": self.home,
            "preview": True,
            "dark": self.dark,
        }

    def _texts(self, language: str) -> dict[str, str]:
        name = self.organization.name
        return {key: text.replace("{organization}", name) for key, text in respondent_texts(language).items()}

    def _values(self, answers: Mapping[str, Json], language: str) -> PipedValues:
        touchpoint = self.survey.touchpoint.name if self.survey.touchpoint else ""
        return piped_values(
            self.definition,
            answers,
            language,
            hidden={name: str(answers[name]) for name in (h.id for h in self.definition.hidden) if name in answers},
            customer_name="" if self.survey.anonymous else "Lena Berg",
            organization=self.organization.name,
            touchpoint=touchpoint,
        )

    def _so_far(self, text: str) -> dict[str, Json]:
        """The answers of earlier screens; whatever is not as this page wrote it counts for nothing."""
        if len(text) > MAX_SO_FAR:
            return {}
        try:
            found = json.loads(text or "{}")
        except (ValueError, RecursionError):
            return {}
        return validate_answers(self.definition, found, partial=True).values if isinstance(found, dict) else {}
