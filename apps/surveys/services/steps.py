"""The memory of a draft: its last hundred states, which undo and redo walk along, across people and visits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.db.models import Max
from django.utils import timezone

from apps.surveys.drafts import differing
from apps.surveys.models import DraftStep, Survey
from cxm.actor import Actor

STEPS_KEPT: Final = 100
ONE_BREATH: Final = timedelta(seconds=10)
"""Changes of one text by one person that follow each other faster than this are one step."""


def note_step(*, actor: Actor, survey: Survey, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Remember that the draft of a locked survey went from one definition to another. What was undone is forgotten."""
    steps = DraftStep.objects.filter(survey=survey)
    last = steps.aggregate(n=Max("number"))["n"] or 0
    current = steps.filter(current=True).order_by("-number").first()
    if current is None or current.definition != before:
        # The first change of this draft, or one made before steps were kept: what it was comes first.
        steps.filter(current=True).update(current=False)
        last += 1
        current = DraftStep.objects.create(survey=survey, number=last, definition=before)
    steps.filter(number__gt=current.number).delete()
    if _goes_on(actor, current, after):
        DraftStep.objects.filter(pk=current.pk).update(definition=after, made_at=timezone.now())
        return
    DraftStep.objects.filter(pk=current.pk).update(current=False)
    DraftStep.objects.create(survey=survey, number=last + 1, definition=after, made_by_id=actor.user_id)
    kept = steps.order_by("-number").values_list("number", flat=True)[:STEPS_KEPT]
    steps.filter(number__lt=min(kept)).delete()


def _goes_on(actor: Actor, current: DraftStep, after: dict[str, Any]) -> bool:
    """Whether a change only goes on with the text that the current step began to change."""
    if (
        current.made_by_id is None
        or current.made_by_id != actor.user_id
        or timezone.now() - current.made_at > ONE_BREATH
    ):
        return False
    before = (
        DraftStep.objects.filter(survey_id=current.survey_id, number__lt=current.number).order_by("-number").first()
    )
    if before is None:
        return False
    began, goes_on = differing(before.definition, current.definition), differing(current.definition, after)
    return (
        len(began) == len(goes_on) == 1
        and began[0][0] == goes_on[0][0]
        and all(isinstance(value, str) for change in (began[0], goes_on[0]) for value in change[1:])
    )


def neighbours(survey: Survey) -> tuple[DraftStep | None, DraftStep | None]:
    """The steps before and after the current one: what undo and redo would bring back. Two queries at most."""
    steps = DraftStep.objects.filter(survey=survey)
    current = steps.filter(current=True).order_by("-number").values_list("number", flat=True).first()
    if current is None:
        return None, None
    before = steps.filter(number__lt=current).order_by("-number").first()
    after = steps.filter(number__gt=current).order_by("number").first()
    return before, after


def can_walk(survey: Survey) -> tuple[bool, bool]:
    """Whether there is something to undo, and something to redo. One query."""
    numbers = list(DraftStep.objects.filter(survey=survey).order_by("number").values_list("number", "current"))
    at = next((place for place, (_number, current) in enumerate(numbers) if current), None)
    return (False, False) if at is None else (at > 0, at + 1 < len(numbers))


def step_to(survey: Survey, step: DraftStep) -> None:
    """Make a step the current one."""
    DraftStep.objects.filter(survey=survey, current=True).update(current=False)
    DraftStep.objects.filter(pk=step.pk).update(current=True)
