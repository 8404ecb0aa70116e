"""The questions of a survey over all its published versions: answers are joined by the id of the question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from apps.surveys.definition import ANSWERABLE_TYPES, Choice, Condition, Definition, Question
from apps.surveys.live import published_definition
from apps.surveys.models import SurveyVersion


@dataclass(frozen=True, slots=True)
class JoinedQuestion:
    """A question as the newest version that asks it words it, with every choice and row that any version offered.

    ``conditions`` says for each version that asks it when it is shown there (None: always).
    """

    question: Question
    language: str
    conditions: Mapping[int, Condition | None] = field(default_factory=dict)
    retired: bool = False

    @property
    def id(self) -> str:
        return self.question.id

    @property
    def type(self) -> str:
        return self.question.type

    @property
    def versions(self) -> list[int]:
        """The versions that ask it, oldest first."""
        return sorted(self.conditions)

    @property
    def conditional(self) -> bool:
        """Whether it depends on another answer whether it is asked."""
        return any(self.conditions.values())

    @property
    def title(self) -> str:
        return self.question.title.get(self.language) or next(iter(self.question.title.values()), "")

    def label(self, choice: Choice) -> str:
        return choice.label.get(self.language) or next(iter(choice.label.values()), choice.id)


def joined_questions(survey_id: UUID) -> list[JoinedQuestion]:
    """Every question that was ever published, in the order of the newest version; those it dropped stand at the end.

    One query for the numbers; definitions, which never change, are read once a process.
    """
    numbers = SurveyVersion.objects.filter(survey=survey_id).order_by("number").values_list("number", flat=True)
    return join([(number, published_definition(survey_id, number)) for number in numbers])


def join(versions: Sequence[tuple[int, Definition]]) -> list[JoinedQuestion]:
    """The same of definitions by the number of their version, oldest first."""
    if not versions:
        return []
    latest = versions[-1][1]
    found: dict[str, JoinedQuestion] = {}
    for number, definition in reversed(versions):
        for question in definition.questions.values():
            if question.type not in ANSWERABLE_TYPES:
                continue
            known = found.get(question.id)
            if known is None:
                known = JoinedQuestion(question, definition.languages[0], {}, question.id not in latest.questions)
            elif known.type != question.type:
                continue
            merged = replace(
                known.question,
                choices=_with_former(known.question.choices, question.choices),
                rows=_with_former(known.question.rows, question.rows),
            )
            conditions = {**known.conditions, number: question.show_if}
            found[question.id] = replace(known, question=merged, conditions=conditions)
    return list(found.values())


def _with_former(choices: tuple[Choice, ...], former: tuple[Choice, ...]) -> tuple[Choice, ...]:
    known = {choice.id for choice in choices}
    return (*choices, *(choice for choice in former if choice.id not in known))
