"""Editing a draft: one change at a time, each checked, each a step that can be undone. What is live stays as it is."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.utils.translation import gettext as _

from apps.surveys.definition import parse_definition
from apps.surveys.drafts import differing, part_of, version_of
from apps.surveys.models import Survey
from apps.surveys.services.steps import neighbours, step_to
from apps.surveys.services.surveys import lock_survey, read_definition, write_draft
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, PreconditionFailed

Json = dict[str, Any]
MAX_IMPORT_BYTES: Final = 512 * 1024


class DraftConflict(PreconditionFailed):
    """Somebody changed the same part of the draft in the meantime.

    ``mine`` and ``theirs`` are that part with the caller's change and as it stands; ``version`` names what stands.
    """

    def __init__(self, mine: Any, theirs: Any, version: str) -> None:
        message = _("Somebody else changed this while you were working. Nothing was overwritten.")
        super().__init__(message, code="changed")
        self.mine, self.theirs, self.version = mine, theirs, version


@dataclass(frozen=True, slots=True)
class DraftEdit:
    """What became of a change: the survey, its draft as JSON, what the change answered, whether it differs."""

    survey: Survey
    raw: Json
    result: Any
    changed: bool


@transaction.atomic
def edit_draft(
    *, actor: Actor, survey: Survey, change: Callable[[Json], Any], part: str = "", seen: str = ""
) -> DraftEdit:
    """Apply ``change`` (a function of ``apps.surveys.drafts``) to the draft and keep the step before.

    ``seen`` is the version of ``part`` that the caller saw. Raises DraftConflict when that part is another by now,
    DomainErrors with paths under ``definition`` when the outcome is no definition, NotFound for what is gone.
    """
    actor.require("surveys.edit")
    survey = lock_survey(survey)
    before = draft_json(survey)
    raw = copy.deepcopy(before)
    result = change(raw)
    if seen and version_of(before, part) != seen and part_of(raw, part) != part_of(before, part):
        raise DraftConflict(part_of(raw, part), part_of(before, part), version_of(before, part))
    parsed = read_definition(raw)
    changed = write_draft(actor=actor, survey=survey, parsed=parsed)
    return DraftEdit(survey, draft_json(survey), result, changed)


@transaction.atomic
def undo_draft(*, actor: Actor, survey: Survey) -> DraftEdit:
    """Take back the last change of the draft, whoever made it. Raises Conflict when there is none."""
    return _walk(actor, survey, forward=False)


@transaction.atomic
def redo_draft(*, actor: Actor, survey: Survey) -> DraftEdit:
    """Bring back the change that was undone last. Raises Conflict when there is none."""
    return _walk(actor, survey, forward=True)


def _walk(actor: Actor, survey: Survey, *, forward: bool) -> DraftEdit:
    actor.require("surveys.edit")
    survey = lock_survey(survey)
    step = neighbours(survey)[forward]
    if step is None:
        raise Conflict(_("There is nothing to redo.") if forward else _("There is nothing to undo."), code="no_step")
    before = draft_json(survey)
    step_to(survey, step)
    changed = write_draft(actor=actor, survey=survey, parsed=parse_definition(step.definition), note=False)
    raw = draft_json(survey)
    return DraftEdit(survey, raw, touched_question(before, raw), changed)


def import_draft(*, actor: Actor, survey: Survey, text: str) -> DraftEdit:
    """Replace the whole draft by a definition in the documented JSON: one step, which can be undone."""
    raw = read_json(text)

    def replace(draft: Json) -> None:
        draft.clear()
        draft.update(raw)

    return edit_draft(actor=actor, survey=survey, change=replace)


def read_json(text: str) -> Json:
    """The definition in a text, also one wrapped in a survey's representation. Raises DomainError at ``definition``."""

    def refuse(message: str, code: str) -> DomainError:
        return DomainError(message, field="definition", code=code)

    if len(text.encode("utf-8", "surrogatepass")) > MAX_IMPORT_BYTES:
        raise refuse(_("This definition is too large: 512 kB at most."), "too_large")
    try:
        raw = json.loads(text.lstrip("\ufeff"))
    except json.JSONDecodeError as error:
        where = {"line": error.lineno, "column": error.colno}
        raise refuse(_("This is no JSON: line %(line)d, column %(column)d.") % where, "json") from None
    except (RecursionError, ValueError):
        raise refuse(_("This JSON is nested too deeply or holds numbers that are too long."), "json") from None
    if isinstance(raw, dict) and "pages" not in raw and isinstance(raw.get("definition"), dict):
        raw = raw["definition"]
    if not isinstance(raw, dict):
        raise refuse(_("A definition is a JSON object with “pages”."), "type")
    return raw


def draft_json(survey: Survey) -> Json:
    """The draft as plain normalised JSON."""
    plain: Json = json.loads(json.dumps(parse_definition(survey.definition).to_json()))
    return plain


def touched_question(before: Json, after: Json) -> str:
    """The first question that two drafts have differently, as the second has it; "" when it is about something else."""
    old = {question["id"]: question for page in before["pages"] for question in page["questions"]}
    new = {question["id"]: question for page in after["pages"] for question in page["questions"]}
    for question_id, question in new.items():
        if question_id not in old or differing(old[question_id], question):
            return question_id
    return ""
