"""Personal links to a survey, ``/r/<token>/``: what stands behind a token, and who keeps it.

The respondent's pages live here, the invitations in a higher layer. That layer registers one ``LinkKeeper`` in its
``wiring.py``; this module reads the token, which names the organisation and the row before anything is looked up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, Protocol
from uuid import UUID

from django.conf import settings

from cxm.tokens import TokenSubject, make_token, read_token

RESPOND: Final = "respond"
"""The purpose of a token that answers, stops and explains one invitation."""

VisitKind = Literal["get", "head", "prefill"]


@dataclass(frozen=True, slots=True)
class LinkContext:
    """What one personal link is about. ``closed`` means: no longer to be answered (withdrawn, expired).

    ``address`` is shown on the page that stops surveys, already masked ("m…@example.com"). ``name`` is the customer's,
    for sentences that call people by it.

    ``experienced_at`` is when that was which the survey asks about (the answer counts on its day), and ``attributes``
    are what the answer inherits of it. ``member`` says that an employee was asked. Of an anonymous survey's link only
    the unit and the day reach the answer.
    """

    row_id: UUID
    survey_id: UUID
    customer_id: UUID | None
    unit_id: UUID | None
    touchpoint_id: UUID | None
    channel: str
    language: str
    address: str = ""
    closed: bool = False
    answered: bool = False
    name: str = ""
    experienced_at: datetime | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    member: bool = False


class LinkKeeper(Protocol):
    """The layer that made the links. Every method runs in the organisation's scope.

    ``open_link_sql`` selects ``customer_id, unit_id, touchpoint_id, channel, attributes, experienced_at`` of a link
    that may be answered, with the parameters organisation, row and survey, in this order: so that an answer can be
    stored together with the proof that its link is good, in one statement.
    """

    open_link_sql: str

    def resolve(self, row_id: UUID) -> LinkContext | None:
        """The link of a row, or None when there is none. Costs one query."""

    def record_visit(self, link: LinkContext, *, kind: VisitKind, score: int | None, user_agent: str) -> None:
        """Somebody, or a mail scanner, opened the link: append an event that no score reads."""

    def claim_single_answer(self, link: LinkContext) -> bool:
        """Mark the link as answered; False when it was already. For anonymous surveys, whose answers keep no link."""

    def is_suspect(self, link: LinkContext, *, user_agent: str) -> bool:
        """Whether what opened this link looks like a mail scanner (user agent, HEAD, several scores, too soon)."""

    def stop(self, link: LinkContext, *, ip: str | None) -> None:
        """The person wants no more surveys: in force when this returns; doing it twice is doing it once."""


_keeper: LinkKeeper | None = None


def register_link_keeper(keeper: LinkKeeper) -> None:
    """Called once, by the layer that invites people."""
    global _keeper
    _keeper = keeper


def link_keeper() -> LinkKeeper | None:
    """The registered keeper, or None in an installation without invitations."""
    return _keeper


def respondent_token(organization_id: UUID, row_id: UUID) -> str:
    """The token of one invitation; the same each time, so that a reminder carries the link of the first mail."""
    return make_token(RESPOND, organization_id, row_id)


def read_respondent_token(token: str) -> TokenSubject | None:
    """Organisation and row of a token, or None when it was altered, cut or made for something else."""
    return read_token(RESPOND, token)


def respondent_url(token: str, page: Literal["", "stop/", "privacy/"] = "") -> str:
    """The absolute address of a personal link or of one of its pages."""
    return f"{settings.BASE_URL}/r/{token}/{page}"
