"""What invitations and the suppression list do when an answer arrives below them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from itertools import islice
from typing import Any, Final
from uuid import UUID, uuid5

from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from apps.comments.models import CommentMention
from apps.comments.registry import COMMENTABLES
from apps.customers.models import Customer
from apps.dispatch.models import Suppression
from apps.dispatch.notices import send_notice
from apps.dispatch.opt_out import is_opt_out
from apps.dispatch.reports import hear_reports
from apps.dispatch.services import complete_invitations
from apps.dispatch.suppression import suppress
from apps.dispatch.triggers import ask_about
from apps.organizations.models import Organization
from apps.organizations.queries import actor_for, members
from apps.outbox.registry import handles
from apps.personas.reviews import due_thing
from apps.surveys.live import published_definition
from apps.surveys.models import Response
from cxm.actor import Actor
from cxm.scope import current_tenant_id
from cxm.web.urls import org_url

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


@handles("comments.person_mentioned", name="dispatch.tell_mentioned")
def tell_mentioned(payload: dict[str, Any]) -> None:
    """Write to somebody whom a comment calls upon, with what was said.

    Nobody gets it who has looked already, who left, or who may no longer see what the comment is about.
    """
    rows = CommentMention.objects.select_related("user", "comment").filter(pk=payload["mention"], read_at=None)
    mention = rows.first()
    thing = COMMENTABLES.get(mention.comment.kind) if mention else None
    if mention is None or thing is None:
        return
    organization = Organization.objects.get(pk=current_tenant_id())
    here = members(Actor.system("notice")).filter(user_id=mention.user_id, is_active=True)
    found = thing.find(actor_for(mention.user, organization), mention.comment.object_id) if here.exists() else None
    if found is None:
        return
    with translation.override(mention.user.language):
        names = {"name": mention.comment.author_name, "title": thing.title_of(found)}
        send_notice(
            recipient=mention.user,
            identity=mention.pk,
            subject=_("%(name)s mentioned you: %(title)s") % names,
            lines=[_("%(name)s called upon you in a comment on “%(title)s”.") % names],
            quote=mention.comment.body,
            button=_("Open the comment"),
            url=org_url(organization, "comments:mention", pk=mention.pk),
            note=_("You get this because a colleague wrote your name after an @."),
        )


@handles("personas.review_due", name="dispatch.tell_reviewer")
def tell_reviewer(payload: dict[str, Any]) -> None:
    """Write to the owner of a persona, a map or anything else with a review day that the day has passed: once."""
    found = due_thing(payload["kind"], UUID(payload["object"]), date.fromisoformat(payload["day"]))
    if found is None:
        return
    reviewable, due = found
    organization = Organization.objects.get(pk=current_tenant_id())
    if due.owner is None or not members(Actor.system("notice")).filter(user_id=due.owner.pk, is_active=True).exists():
        return
    with translation.override(due.owner.language):
        names = {"name": due.name, "day": date_format(due.review_date)}
        send_notice(
            recipient=due.owner,
            identity=uuid5(due.pk, payload["day"]),
            subject=_("To be looked at again: %(name)s") % names,
            lines=[_("“%(name)s” was to be looked at again by %(day)s. Is it still true?") % names],
            button=_("Look at it"),
            url=org_url(organization, reviewable.url_name, pk=due.pk),
            note=_("You get this because you own it."),
        )


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
