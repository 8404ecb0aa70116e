"""When a survey has had enough: its end, and the number of answers it takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.surveys.entries import ResponseRow
from apps.surveys.live import LiveSurvey
from apps.surveys.models import Response, Survey
from apps.surveys.services.surveys import close_survey
from cxm.actor import Actor
from cxm.errors import Conflict

FULL: Final = "full"
"""Code of an answer that came when all that were wanted were there."""


def full() -> Conflict:
    """What an answer too many is told."""
    return Conflict(_("This survey has all the answers it takes."), code=FULL)


def is_full(live: LiveSurvey) -> bool:
    """Whether the survey takes no further answers because it has them all. No query without a limit, else one."""
    return live.answer_limit is not None and _submitted(live.id) >= live.answer_limit


def over_limit(live: LiveSurvey, rows: Iterable[ResponseRow]) -> set[UUID]:
    """Which of these answers the survey does not take any more, by the id of the row, in the order given.

    Locks the survey, so that answers to it are counted one after the other: call it in the transaction that stores
    them. An answer that was submitted may be changed always; an unfinished one needs room as well.
    """
    limit = (
        Survey.objects.select_for_update(no_key=True).filter(pk=live.id).values_list("answer_limit", flat=True).get()
    )
    if limit is None:
        return set()
    rows = list(rows)
    sources = {row.source_id for row in rows if row.source_id is not None}
    invitations = {row.invitation_id for row in rows if row.invitation_id is not None}
    counted: set[object] = set()
    for source_id, invitation_id in Response.objects.filter(
        Q(survey_id=live.id, source_id__in=sources) | Q(invitation_id__in=invitations),
        state=Response.State.SUBMITTED,
    ).values_list("source_id", "invitation_id"):
        counted.update({source_id, invitation_id} - {None})
    room = limit - _submitted(live.id)
    refused: set[UUID] = set()
    for row in rows:
        names = {row.source_id, row.invitation_id} - {None}
        if names & counted:
            continue
        if room <= 0:
            refused.add(row.id)
        elif row.state == Response.State.SUBMITTED:
            room -= 1
            counted |= names
    return refused


def close_surveys_that_ended() -> int:
    """Close the surveys of the organisation in force whose time has come; how many there were."""
    ended = list(Survey.objects.filter(state=Survey.State.LIVE, closes_at__lte=now()))
    for survey in ended:
        close_survey(actor=Actor.system("the survey's end"), survey=survey)
    return len(ended)


def _submitted(survey_id: UUID) -> int:
    return Response.objects.filter(survey_id=survey_id, state=Response.State.SUBMITTED).count()
