"""The catalogue of templates: surveys that are ready to be sent, in every language with standard wordings.

The score questions are those of ``wording``, to the letter of the metric rules; what follows them is short and mostly
shown only to those it concerns. A template is a starting point: the draft made from it belongs to its editors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext_lazy as lazy

from apps.surveys.catalogue_texts import QUESTIONS, SUBJECTS, WORDS
from apps.surveys.definition import Definition, parse_definition
from apps.surveys.wording import (
    LANGUAGE_NAMES,
    REASON_QUESTION,
    SCORE_QUESTION,
    employee_title,
    in_languages,
    standard_question,
    standard_reason,
    standard_thanks,
    standard_title,
)

Json = dict[str, Any]

_AGREE: Final = ("disagree2", "disagree1", "neutral", "agree1", "agree2")
_SATISFIED: Final = ("dissatisfied2", "dissatisfied1", "neutral", "satisfied1", "satisfied2")
_ISSUES: Final = ("speed", "staff", "information", "result", "price", "other")


@dataclass(frozen=True, slots=True)
class Ask:
    """One question of a template. ``type`` is nps, csat, ces (the standard question), reason, or a question type."""

    id: str
    type: str
    title: str = ""
    choices: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    labels: tuple[str, str] | None = None
    show_if: Mapping[str, Any] | None = None
    required: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    """A survey to begin with. ``subject`` names what a CSAT question asks about without a touchpoint."""

    id: str
    name: Any
    description: Any
    kind: str
    pages: tuple[tuple[Ask, ...], ...]
    subject: str = ""
    relationship: bool = False
    anonymous: bool = False
    audience: str = "customers"
    icon: str = "forms"

    @property
    def question_count(self) -> int:
        """How many questions it has, those of all branches."""
        return sum(len(page) for page in self.pages)

    def definition(self, languages: Iterable[str], organization_name: str, touchpoint_name: str = "") -> Definition:
        """The definition in these languages; English where a language has no wording, to be edited."""
        codes = tuple(dict.fromkeys(languages)) or ("en",)
        pages = [
            {
                "id": f"p{number}",
                "questions": [self._question(ask, codes, organization_name, touchpoint_name) for ask in page],
            }
            for number, page in enumerate(self.pages, start=1)
        ]
        return parse_definition(
            {"version": 1, "languages": list(codes), "pages": pages, "thank_you": {"title": standard_thanks(codes)}}
        )

    def _question(self, ask: Ask, codes: tuple[str, ...], organization_name: str, touchpoint_name: str) -> Json:
        if ask.type == "reason":
            return {**standard_reason(self.kind, codes), "id": ask.id}
        if ask.type in ("nps", "csat", "ces"):
            subjects = SUBJECTS.get(self.subject, {})
            question = standard_question(ask.type, codes, organization_name, touchpoint_name, subjects)
            if ask.title == "employee_nps":
                question["title"] = {code: employee_title(code, organization_name) for code in codes}
            question["id"], question["required"] = ask.id, ask.required
        else:
            question = {"id": ask.id, "type": ask.type, "title": in_languages(QUESTIONS[ask.title or ask.id], codes)}
            question["required"] = ask.required
        if ask.choices:
            question["choices"] = [{"id": word, "label": in_languages(WORDS[word], codes)} for word in ask.choices]
        if ask.rows:
            question["rows"] = [{"id": word, "label": in_languages(WORDS[word], codes)} for word in ask.rows]
        if ask.labels:
            low, high = ask.labels
            question["labels"] = {"min": in_languages(WORDS[low], codes), "max": in_languages(WORDS[high], codes)}
        if ask.show_if:
            question["show_if"] = dict(ask.show_if)
        return question


def _when(question: str, op: str, value: Any) -> Mapping[str, Any]:
    return {"all": [{"question": question, "op": op, "value": value}]}


_REASON: Final = Ask(REASON_QUESTION, "reason")

TEMPLATES: Final[Mapping[str, Template]] = {
    template.id: template
    for template in (
        Template(
            "nps_relationship",
            lazy("Relationship NPS"),
            lazy(
                "Would they recommend us? The company's headline, asked from time to time, independent of any contact."
            ),
            "nps",
            (
                (Ask(SCORE_QUESTION, "nps", required=True), _REASON),
                (
                    Ask(
                        "drivers", "multi_choice", choices=("quality", "price", "staff", "ease", "information", "other")
                    ),
                ),
            ),
            relationship=True,
            icon="heart-handshake",
        ),
        Template(
            "nps_touchpoint",
            lazy("NPS after a touchpoint"),
            lazy("The same question right after an experience. Counts for that touchpoint, never for the headline."),
            "nps",
            (
                (Ask(SCORE_QUESTION, "nps", required=True), _REASON),
                (Ask("issue", "multi_choice", choices=_ISSUES, show_if=_when(SCORE_QUESTION, "<=", 6)),),
            ),
            icon="map-pin",
        ),
        Template(
            "csat",
            lazy("Satisfaction (CSAT)"),
            lazy("How satisfied with one contact, 1 to 5; who was not is asked where it went wrong."),
            "csat",
            (
                (Ask(SCORE_QUESTION, "csat", required=True), _REASON),
                (Ask("issue", "multi_choice", choices=_ISSUES, show_if=_when(SCORE_QUESTION, "<=", 3)),),
            ),
            icon="mood-smile",
        ),
        Template(
            "ces2",
            lazy("Effort (CES 2.0)"),
            lazy("Was it easy? The question that foretells loyalty best after a service contact."),
            "ces",
            (
                (Ask(SCORE_QUESTION, "ces", required=True), _REASON),
                (Ask("solved", "choice", choices=("yes", "partly", "no")),),
                (Ask("contacts", "choice", choices=("once", "twice", "three", "more")),),
            ),
            icon="stairs",
        ),
        Template(
            "closing_case",
            lazy("After a closed case"),
            lazy("Satisfaction, resolution and effort once a case is closed; open ends come back as text."),
            "csat",
            (
                (Ask(SCORE_QUESTION, "csat", required=True), _REASON),
                (Ask("solved", "choice", choices=("yes", "partly", "no")),),
                (Ask("still_open", "text", show_if=_when("solved", "in", ["partly", "no"])),),
                (Ask("effort", "ces"),),
            ),
            subject="case",
            icon="checks",
        ),
        Template(
            "onboarding",
            lazy("Onboarding"),
            lazy("The first weeks of a new customer: what worked, what is still missing."),
            "csat",
            (
                (Ask(SCORE_QUESTION, "csat", required=True), _REASON),
                (
                    Ask(
                        "parts",
                        "matrix",
                        "parts_satisfied",
                        _SATISFIED,
                        ("welcome", "instructions", "setup", "support"),
                    ),
                ),
                (Ask("reached", "choice", choices=("yes", "partly", "no")),),
                (Ask("missing", "text", show_if=_when("reached", "in", ["partly", "no"])),),
            ),
            subject="onboarding",
            icon="door-exit",
        ),
        Template(
            "product",
            lazy("Product feedback"),
            lazy("What it is used for, how much it would be missed, and what to improve first."),
            "csat",
            (
                (Ask(SCORE_QUESTION, "csat", required=True), _REASON),
                (Ask("main_benefit", "text"),),
                (
                    Ask(
                        "without_it",
                        "choice",
                        choices=("very_disappointed", "somewhat_disappointed", "not_disappointed"),
                    ),
                ),
                (Ask("disappointing", "text", show_if=_when("without_it", "=", "not_disappointed")),),
                (Ask("improve", "text"),),
            ),
            subject="product",
            icon="box",
        ),
        Template(
            "delivery",
            lazy("Delivery"),
            lazy("After something arrived: on time, and as it should be?"),
            "csat",
            (
                (Ask(SCORE_QUESTION, "csat", required=True), _REASON),
                (Ask("arrived", "choice", choices=("early", "on_time", "late")),),
                (Ask("issue", "multi_choice", choices=_ISSUES, show_if=_when(SCORE_QUESTION, "<=", 3)),),
            ),
            subject="delivery",
            icon="truck-delivery",
        ),
        Template(
            "event",
            lazy("Event"),
            lazy("The day after an event: its parts, and whether people would come again."),
            "csat",
            (
                (Ask(SCORE_QUESTION, "csat", required=True),),
                (
                    Ask(
                        "parts",
                        "matrix",
                        "parts_satisfied",
                        _SATISFIED,
                        ("topics", "speakers", "venue", "organisation"),
                    ),
                ),
                (Ask("best", "text"),),
                (Ask("again", "choice", choices=("yes", "maybe", "no")),),
                (Ask("why_not_again", "text", show_if=_when("again", "in", ["maybe", "no"])),),
            ),
            subject="event",
            icon="calendar-event",
        ),
        Template(
            "exit",
            lazy("Leaving or cancelling"),
            lazy("The reason, asked once and without pressure; each reason has its own second question."),
            "custom",
            (
                (
                    Ask(
                        "leaving",
                        "choice",
                        choices=("too_expensive", "lacks", "bad_service", "competitor", "no_need", "other"),
                        required=True,
                    ),
                ),
                (Ask("leaving_service", "text", show_if=_when("leaving", "=", "bad_service")),),
                (Ask("leaving_missing", "text", show_if=_when("leaving", "=", "lacks")),),
                (Ask("leaving_where", "text", show_if=_when("leaving", "=", "competitor")),),
                (
                    Ask(
                        "would_return",
                        "choice",
                        choices=("yes", "maybe", "no"),
                        show_if=_when("leaving", "in", ["too_expensive", "lacks", "bad_service", "competitor"]),
                    ),
                ),
            ),
            icon="logout",
        ),
        Template(
            "website",
            lazy("Website"),
            lazy("Why people came, whether they found it, and how satisfied they are with the site."),
            "csat",
            (
                (Ask(SCORE_QUESTION, "csat", required=True), _REASON),
                (Ask("purpose", "choice", choices=("buy", "learn", "account", "help", "other")),),
                (Ask("found", "choice", choices=("yes", "partly", "no")),),
                (Ask("looked_for", "text", show_if=_when("found", "in", ["partly", "no"])),),
            ),
            subject="website",
            icon="world-www",
        ),
        Template(
            "enps",
            lazy("Employees: eNPS"),
            lazy("Would they recommend us as a place to work? Anonymous; small groups are never shown."),
            "nps",
            (
                (Ask(SCORE_QUESTION, "nps", "employee_nps", required=True), _REASON),
                (Ask("work_change", "text"),),
            ),
            anonymous=True,
            audience="employees",
            icon="users-group",
        ),
        Template(
            "enablement",
            lazy("Employees: enablement"),
            lazy("Can they do for customers what customers need? Tools, information, authority, processes."),
            "custom",
            (
                (Ask("enabled", "rating", labels=("disagree2", "agree2"), required=True),),
                (Ask("enablers", "matrix", "", _AGREE, ("tools", "knowledge", "authority", "processes", "heard")),),
                (Ask("obstacle", "text"),),
            ),
            anonymous=True,
            audience="employees",
            icon="tool",
        ),
    )
}
"""Every template by its id, in the order in which they are offered."""


def translation_of(texts: Mapping[str, str], language: str, organization_name: str) -> str:
    """A text of the catalogue in another language, found by its words in any of those it has; "" for other texts."""
    code = language.partition("-")[0]
    known = [*QUESTIONS.values(), *WORDS.values()]
    known += [
        {spoken: standard_title("csat", spoken, organization_name, "", subject) for spoken in subject}
        for subject in SUBJECTS.values()
    ]
    known += [
        {spoken: standard_title(kind, spoken, organization_name) for spoken in LANGUAGE_NAMES}
        for kind in ("nps", "ces")
    ]
    known.append({spoken: employee_title(spoken, organization_name) for spoken in LANGUAGE_NAMES})
    for text in known:
        if any(text.get(spoken.partition("-")[0]) == words for spoken, words in texts.items()):
            return text.get(code, "")
    return ""


def template_for_kind(kind: str, *, touchpoint: bool = False) -> str:
    """The template that stands for a kind of survey: what links of other pages (``?kind=csat``) mean."""
    if kind == "nps":
        return "nps_touchpoint" if touchpoint else "nps_relationship"
    return {"csat": "csat", "ces": "ces2"}.get(kind, "")
