"""Silent voting: a question, dots on cards or steps, and no total before the end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.journeys.content import LANE_LENGTH, lane_key
from apps.journeys.models import Card, Step
from apps.outbox.services import emit
from apps.workshops import rules
from apps.workshops.models import VoteDots, VoteRound, Workshop
from apps.workshops.services.hosting import lock_workshop, read_number, settle_round
from apps.workshops.services.timer import MOST_MINUTES
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, NotAllowed, NotFound
from cxm.texts import clean_text

LABEL_LENGTH = 200
MOST_LANES = 24


@transaction.atomic
def open_round(
    *,
    actor: Actor,
    workshop: Workshop,
    question: str,
    lanes: Any,
    votes_per_person: int | None = None,
    most_per_thing: int | None = None,
    minutes: int | None = None,
) -> VoteRound:
    """Put a question to the vote, over the cards of `lanes` ("steps" for the steps themselves).

    `votes_per_person` is the workshop's unless given, `most_per_thing` as many; with `minutes` it ends by itself.
    Raises DomainError naming the field, Conflict while a round is open. Emits workshops.round_opened.
    """
    workshop = lock_workshop(actor, workshop)
    now = timezone.now()
    for other in VoteRound.objects.filter(workshop=workshop, revealed_at=None):
        if is_running(other, workshop, now):
            raise Conflict(_("A vote is open. Reveal it first."))
        settle_round(other, now)
    number = VoteRound.objects.filter(workshop=workshop).count() + 1
    if number > rules.MOST_ROUNDS:
        raise Conflict(_("A workshop has at most %(most)d votes.") % {"most": rules.MOST_ROUNDS})
    votes = read_number(votes_per_person or workshop.votes_per_person, "votes_per_person", rules.MOST_VOTES)
    most = read_number(most_per_thing if most_per_thing is not None else votes, "most_per_thing", rules.MOST_VOTES)
    if most > votes:
        message = _("Not more than the votes of a person (%(votes)d).") % {"votes": votes}
        raise DomainError(message, field="most_per_thing")
    round = VoteRound.objects.create(
        workshop=workshop,
        number=number,
        question=clean_text(question, field="question", limit=200, required=True),
        lanes=_read_lanes(lanes),
        votes_per_person=votes,
        most_per_thing=most,
        salt=rules.new_secret(),
        opened_at=now,
        ends_at=now + timedelta(minutes=read_number(minutes, "minutes", MOST_MINUTES)) if minutes else None,
    )
    record(actor=actor, action="workshops.round_opened", target=round)
    emit("workshops.round_opened", {"workshop": str(workshop.pk), "round": str(round.pk)})
    return round


def _read_lanes(value: Any) -> list[str]:
    if not isinstance(value, list | tuple) or not value or len(value) > MOST_LANES:
        raise DomainError(_("Choose what can be voted on."), field="lanes", code="required")
    keys: list[str] = []
    for raw in value:
        name = clean_text(raw, field="lanes", limit=LANE_LENGTH, required=True)
        key = name if name == rules.STEPS else lane_key(name)
        if key not in keys:
            keys.append(key)
    return keys


@transaction.atomic
def set_dots(*, actor: Actor, round: VoteRound, thing: UUID, dots: int) -> int:
    """Give one card or step exactly `dots` dots of the own ones; how many are left then.

    Absolute, so that sending twice is voting once. Nobody else's dots can be told from the answer. Raises NotFound for
    what does not stand for election, Conflict when the round is over or the dots do not suffice, NotAllowed for
    who is not in.
    """
    round = VoteRound.objects.select_for_update().select_related("workshop").get(pk=round.pk)
    require_voter(actor, round.workshop)
    if not is_running(round, round.workshop, timezone.now()):
        raise Conflict(_("This vote is over."))
    if not isinstance(dots, int) or isinstance(dots, bool) or not 0 <= dots <= round.most_per_thing:
        message = _("Give 0 to %(most)d dots to one thing.") % {"most": round.most_per_thing}
        raise DomainError(message, field="dots")
    assert actor.id is not None
    mark = rules.mark_of(round.salt, actor.id)
    mine = VoteDots.objects.filter(round=round, voter=mark)
    elsewhere = mine.exclude(thing=thing).aggregate(total=Sum("dots"))["total"] or 0
    left = round.votes_per_person - elsewhere - dots
    if left < 0:
        message = _("You have %(left)d left. Take a dot from another one first.")
        raise Conflict(message % {"left": round.votes_per_person - elsewhere}, code="no_dots_left")
    if dots == 0:
        mine.filter(thing=thing).delete()
        return left
    label = _label(round, thing)
    VoteDots.objects.update_or_create(
        round=round, voter=mark, thing=thing, defaults={"dots": dots, "label": label[:LABEL_LENGTH]}
    )
    return left


def _label(round: VoteRound, thing: UUID) -> str:
    """What a thing says that stands for election. Raises NotFound for everything else."""
    journey = round.workshop.journey_id
    card = Card.objects.filter(pk=thing, step__stage__journey=journey, lane__in=round.lanes).first()
    if card is not None:
        return card.text
    step = Step.objects.filter(pk=thing, stage__journey=journey).first() if rules.STEPS in round.lanes else None
    if step is None:
        raise NotFound(_("This cannot be voted on, or it is not on the map any more."))
    return step.name


def require_voter(actor: Actor, workshop: Workshop) -> None:
    """Raise NotAllowed unless this is a member who sees maps or a guest of this workshop."""
    is_guest = ("workshops.vote", workshop.pk) in actor.things
    is_member = actor.kind == "user" and actor.can("journeys.view")
    if not (is_guest or is_member):
        raise NotAllowed(_("Only people of this workshop vote."))


@transaction.atomic
def reveal_round(*, actor: Actor, round: VoteRound) -> VoteRound:
    """End a vote and show everybody the result; from then on no dot leads back to a person. Twice changes nothing.

    Emits workshops.round_revealed.
    """
    actor.require("workshops.host")
    round = VoteRound.objects.select_for_update().get(pk=round.pk)
    if round.revealed_at is None:
        settle_round(round, timezone.now())
        record(actor=actor, action="workshops.round_revealed", target=round)
        emit("workshops.round_revealed", {"workshop": str(round.workshop_id), "round": str(round.pk)})
    return round


def is_running(round: VoteRound, workshop: Workshop, now: datetime) -> bool:
    """Whether dots can be placed and totals are secret: neither revealed, nor its time or that of the workshop up."""
    if round.revealed_at is not None or workshop.closed_at is not None or workshop.ends_at <= now:
        return False
    return round.ends_at is None or round.ends_at > now
