"""What invitations and the suppression list do when an answer arrives below them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final
from uuid import UUID

from apps.customers.models import Customer
from apps.dispatch.models import Suppression
from apps.dispatch.opt_out import is_opt_out
from apps.dispatch.reports import hear_reports
from apps.dispatch.services import complete_invitations
from apps.dispatch.suppression import suppress
from apps.dispatch.triggers import ask_about
from apps.outbox.registry import handles
from apps.surveys.live import published_definition
from apps.surveys.models import Response
from cxm.actor import Actor

_ROWS_A_QUERY: Final = 2000


@handles("surveys.response_recorded", "surveys.response_changed", name="dispatch.hear_answers", batch=True)
def hear_answers(payloads: list[dict[str, Any]]) -> None:
    """Complete the invitations that were answered; suppress whoever answered with an opt-out word and nothing else.

    However the answer came: page, API or import. It still counts as an answer.
    """
    ids = (UUID(response) for payload in payloads for response in payload["responses"])
    while chunk := list(islice(ids, _ROWS_A_QUERY)):
        _hear(chunk)


@handles("interactions.recorded", name="dispatch.ask_after_events", batch=True)
def ask_after_events(payloads: list[dict[str, Any]]) -> None:
    """Plans that wait for an event ask about it."""
    ask_about(payloads)


@handles("messaging.reported", name="dispatch.hear_reports", batch=True)
def hear_delivery(payloads: list[dict[str, Any]]) -> None:
    """Act on what providers reported."""
    hear_reports(UUID(payload["report"]) for payload in payloads)


def _hear(response_ids: list[UUID]) -> None:
    rows = Response.objects.filter(pk__in=response_ids).only(
        "survey_id", "version", "customer_id", "invitation_id", "language", "answers", "state"
    )
    answered: list[UUID] = []
    opted_out: list[UUID] = []
    for response in rows:
        if response.invitation_id is not None and response.state == Response.State.SUBMITTED:
            answered.append(response.invitation_id)
        if response.customer_id is not None and any(is_opt_out(text, response.language) for text in _texts(response)):
            opted_out.append(response.customer_id)
    complete_invitations(invitation_ids=answered)
    for customer in Customer.objects.filter(pk__in=opted_out):
        suppress(
            actor=Actor.system("opt-out word in an answer"),
            customer=customer,
            reason=Suppression.Reason.OPT_OUT_WORD,
        )


def _texts(response: Response) -> Iterator[str]:
    """What was answered to open questions."""
    definition = published_definition(response.survey_id, response.version)
    answers: Mapping[str, Any] = response.answers
    for question in definition.questions.values():
        answer = answers.get(question.id)
        if question.type == "text" and isinstance(answer, str):
            yield answer
