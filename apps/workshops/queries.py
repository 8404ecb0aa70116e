"""Reading workshops: where a code leads, who is in, what stands for election, and what was voted."""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.journeys.content import lane_title, lanes_of
from apps.journeys.drafts import read_draft
from apps.journeys.models import Card, Journey, Step
from apps.organizations.models import Organization
from apps.workshops import rules
from apps.workshops.models import VoteDots, VoteRound, Workshop, WorkshopCode, WorkshopGuest
from apps.workshops.rules import Timer
from apps.workshops.services.votes import is_running
from cxm.actor import Actor
from cxm.errors import NotFound
from cxm.scope import tenant

HERE: Final = timedelta(seconds=30)
"""Who asked for something within this time counts as here."""


# ---------------------------------------------------------------------------------------------------------------------
# Workshops and guests


def workshops(actor: Actor) -> QuerySet[Workshop]:
    """Every workshop of the organisation, for those who host."""
    actor.require("workshops.host")
    return Workshop.objects.select_related("host", "journey")


def workshop_of(journey_id: UUID) -> Workshop | None:
    """The workshop on a map that is not over, if there is one. One query."""
    return Workshop.objects.filter(journey=journey_id, closed_at=None, ends_at__gt=timezone.now()).first()


def past_workshops(journey_id: UUID) -> list[Workshop]:
    """The workshops on a map that are over, newest first, with the number of their guests. One query."""
    rows = Workshop.objects.filter(journey=journey_id).annotate(guest_count=Count("guests"))
    return [row for row in rows.order_by("-opens_at", "-pk")[:50] if row.is_over]


def find_by_code(code: str) -> tuple[Organization, Workshop] | None:
    """The workshop behind a code that is open or will open, with its organisation; None for every other code.

    Called before an organisation is known. Two queries.
    """
    if not code:
        return None
    found = (
        WorkshopCode.objects.filter(digest=rules.digest_of(code), organization__deleted_at=None)
        .select_related("organization")
        .first()
    )
    if found is None:
        return None
    with tenant(found.organization):
        workshop = Workshop.objects.filter(pk=found.workshop_id, journey__archived_at=None)
        row = workshop.select_related("journey").first()
    return (found.organization, row) if row else None


def guest_in(workshop: Workshop, guest_id: UUID, secret: str) -> WorkshopGuest | None:
    """The guest of this workshop whose browser knows the secret, also one who was removed. One query."""
    guest = WorkshopGuest.objects.filter(pk=guest_id, workshop=workshop).first()
    if guest is None or not hmac.compare_digest(guest.session_hash, rules.hash_of(secret)):
        return None
    guest.workshop = workshop
    return guest


def guest_actor(guest: WorkshopGuest, ip: str | None) -> Actor:
    """What a guest may do now: nothing in the organisation, and on this one map what the host allows."""
    workshop = guest.workshop
    if guest.removed_at is not None or not workshop.is_open:
        return Actor.guest(guest.pk, guest.name, ip)
    things = {("journeys.view", workshop.journey_id), ("workshops.vote", workshop.pk)}
    if workshop.guests_may == Workshop.GuestsMay.EDIT:
        things.add(("journeys.edit", workshop.journey_id))
    if workshop.shows_scores:
        things.add(("metrics.view", workshop.journey_id))
    if workshop.opens_library:
        things.add(("touchpoints.view", workshop.journey_id))
    return Actor.guest(guest.pk, guest.name, ip, things=frozenset(things))


def guests_of(workshop: Workshop) -> list[WorkshopGuest]:
    """Who is in, in the order they came. One query."""
    return list(WorkshopGuest.objects.filter(workshop=workshop, removed_at=None).order_by("joined_at", "pk"))


def is_here(guest: WorkshopGuest, now: datetime) -> bool:
    """Whether a guest's browser is there at the moment."""
    return now - guest.seen_at <= HERE


# ---------------------------------------------------------------------------------------------------------------------
# Votes


@dataclass(frozen=True)
class Thing:
    """A card or step that stands for election, with the reader's own dots on it and nobody else's."""

    id: str
    label: str
    lane: str
    mine: int


@dataclass(frozen=True)
class Group:
    """What stands for election in one step, in map order."""

    stage: str
    step: str
    things: list[Thing]


@dataclass(frozen=True)
class Ballot:
    """A round as one person fills it in. `left` is how many of their dots they still have."""

    round: VoteRound
    groups: list[Group]
    left: int


@dataclass(frozen=True)
class Place:
    """A place in a result; `where` is the step it stood in, "" when it is not on the map any more."""

    rank: int
    thing: str
    label: str
    where: str
    dots: int
    voters: int
    is_tie: bool


@dataclass(frozen=True)
class Result:
    """How a round came out: places in order, how many voted, and how many dots they placed."""

    round: VoteRound
    places: list[Place]
    voters: int
    dots: int


def rounds_of(workshop: Workshop) -> list[VoteRound]:
    """The rounds of a workshop, newest first. One query."""
    rounds = list(VoteRound.objects.filter(workshop=workshop).order_by("-number"))
    for round in rounds:
        round.workshop = workshop
    return rounds


def running_round(workshop: Workshop, now: datetime) -> VoteRound | None:
    """The round in which dots can be placed now. One query."""
    for round in VoteRound.objects.filter(workshop=workshop, revealed_at=None).order_by("-number"):
        if is_running(round, workshop, now):
            return round
    return None


def round_of(workshop: Workshop, number: int) -> VoteRound:
    """A round by its number. Raises NotFound."""
    round = VoteRound.objects.filter(workshop=workshop, number=number).first() if 0 < number < 1_000 else None
    if round is None:
        raise NotFound
    round.workshop = workshop
    return round


def lane_choices(journey: Journey) -> list[tuple[str, str]]:
    """What can be put to the vote: the lanes that have cards, and the steps. Five queries."""
    content = read_draft(journey).content
    used = {card["lane"] for _stage, step in _steps(content["stages"]) for card in step["cards"]}
    lanes = [key for key in lanes_of(content["stages"], content["lanes"]) if key in used]
    return [(key, lane_title(key, content["lanes"])) for key in lanes] + [(rules.STEPS, _("The steps themselves"))]


def _steps(stages: Any) -> Iterator[tuple[Any, Any]]:
    for stage in stages:
        for step in stage["steps"]:
            yield stage, step


def dots_of(round: VoteRound, actor: Actor) -> dict[UUID, int]:
    """The actor's own dots by thing. One query."""
    if actor.id is None or not round.salt:
        return {}
    mark = rules.mark_of(round.salt, actor.id)
    return dict(VoteDots.objects.filter(round=round, voter=mark).values_list("thing", "dots"))


def ballot_of(round: VoteRound, journey: Journey, actor: Actor) -> Ballot:
    """What stands for election with the actor's own dots: it reads nobody else's. Six queries."""
    content = read_draft(journey).content
    mine = dots_of(round, actor)
    groups = []
    for stage, step in _steps(content["stages"]):
        things = []
        if rules.STEPS in round.lanes:
            things.append(Thing(step["id"], step["name"], _("Step"), mine.get(UUID(step["id"]), 0)))
        things += [
            Thing(card["id"], card["text"], lane_title(card["lane"], content["lanes"]), mine.get(UUID(card["id"]), 0))
            for card in step["cards"]
            if card["lane"] in round.lanes
        ]
        if things:
            groups.append(Group(stage["name"], step["name"], things))
    return Ballot(round, groups, round.votes_per_person - sum(mine.values()))


def result_of(round: VoteRound) -> Result | None:
    """How a round came out; None while it runs: then there is nothing that could be told. Four queries."""
    return next(iter(results_of([round])), None)


def results_of(rounds: Sequence[VoteRound]) -> list[Result]:
    """How the rounds of one workshop came out, without those that run. Four queries, however many they are."""
    now = timezone.now()
    over = [round for round in rounds if not is_running(round, round.workshop, now)]
    if not over:
        return []
    cast = list(VoteDots.objects.filter(round__in=over).order_by("pk"))
    things = {dots.thing for dots in cast}
    journey = over[0].workshop.journey_id
    cards = Card.objects.filter(pk__in=things, step__stage__journey=journey).select_related("step")
    where = {card.pk: (card.text, card.step.name) for card in cards}
    steps = Step.objects.filter(pk__in=things, stage__journey=journey).select_related("stage")
    where |= {step.pk: (step.name, step.stage.name) for step in steps}
    return [_result(round, [dots for dots in cast if dots.round_id == round.pk], where) for round in over]


def _result(round: VoteRound, cast: Sequence[VoteDots], where: Mapping[UUID, tuple[str, str]]) -> Result:
    totals: Counter[UUID] = Counter()
    people: Counter[UUID] = Counter()
    labels = {}
    for dots in cast:
        totals[dots.thing] += dots.dots
        people[dots.thing] += 1
        labels[dots.thing] = dots.label
    places = []
    for ranked in rules.ranking(totals, people):
        label, place = where.get(ranked.thing, (labels[ranked.thing], ""))
        places.append(Place(ranked.rank, str(ranked.thing), label, place, ranked.dots, ranked.voters, ranked.is_tie))
    return Result(round, places, len({dots.voter for dots in cast}), totals.total())


def last_round(journey_id: UUID) -> VoteRound | None:
    """The newest vote on a map that is over. One query."""
    now = timezone.now()
    rounds = VoteRound.objects.filter(workshop__journey=journey_id).select_related("workshop")
    newest = rounds.order_by("-opened_at", "-pk")[:2]
    return next((round for round in newest if not is_running(round, round.workshop, now)), None)


def dots_in(round: VoteRound) -> dict[str, int]:
    """Dots by card and step of a round that is over. One query."""
    counted = VoteDots.objects.filter(round=round).values("thing").annotate(total=Sum("dots")).order_by("thing")
    return {str(row["thing"]): row["total"] for row in counted}


def dots_on_map(*, actor: Actor, journey_id: UUID) -> Mapping[str, int]:
    """Dots by card and step of the newest vote on a map that is over. Two queries."""
    round = last_round(journey_id)
    return dots_in(round) if round else {}


# ---------------------------------------------------------------------------------------------------------------------
# What every screen keeps up with


@dataclass(frozen=True)
class Moment:
    """A workshop as everybody in it sees it at this moment."""

    workshop: Workshop
    now: datetime
    timer: Timer
    round: VoteRound | None
    last: VoteRound | None
    guests: int

    @property
    def timer_left(self) -> str:
        """What is left on the clock, as "4:05"."""
        return f"{self.timer.left // 60}:{self.timer.left % 60:02}"

    @property
    def as_json(self) -> dict[str, Any]:
        """For the bar's script. Holds no dots of anybody. Times in milliseconds since 1970."""
        ends = self.timer.ends_at
        return {
            "now": _ms(self.now),
            "timer": {"state": self.timer.state, "left": self.timer.left, "ends": _ms(ends) if ends else None},
            "round": _round_json(self.round),
            "last": _round_json(self.last),
            "guests": self.guests,
        }


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _round_json(round: VoteRound | None) -> dict[str, Any] | None:
    return None if round is None else {"number": round.number, "question": round.question}


def moment_of(workshop: Workshop) -> Moment:
    """What the bar shows. Two queries."""
    now = timezone.now()
    rounds = list(VoteRound.objects.filter(workshop=workshop).order_by("-number")[:2])
    running = next((round for round in rounds if is_running(round, workshop, now)), None)
    last = next((round for round in rounds if round is not running), None)
    here = WorkshopGuest.objects.filter(workshop=workshop, removed_at=None, seen_at__gte=now - HERE).count()
    timer = rules.timer_of(workshop.timer_ends_at, workshop.timer_left, now)
    return Moment(workshop, now, timer, running, last, here)
