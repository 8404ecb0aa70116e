"""What would happen if this were sent: how many of an audience may be asked, and which rule protects the others.

The answer is that of `eligibility.assess`, which decides one by one when it is sent; here the same rules are written
as SQL over sets, so that a segment of a million people is counted in seconds. A property test on random ledgers holds
the two together. The audience is counted in slices by id, so that a page can show how far it is and stop.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil
from time import monotonic
from typing import Final
from uuid import UUID

from django.utils.timezone import now

from apps.dispatch import fatigue
from apps.dispatch.queries import response_counts
from apps.dispatch.simulation_sql import Audience, Trial, counted_slice
from apps.surveys.models import Survey
from cxm.statistics import wilson_bounds

__all__ = [
    "Audience",
    "Estimate",
    "Simulation",
    "Trial",
    "days_needed",
    "estimate_answers",
    "forecast",
    "simulate",
]

SLICE: Final = 50_000
"""People counted in one statement."""
DAYS_AHEAD: Final = 30
"""How many days a forecast looks ahead."""
TIME_TO_ANSWER: Final = timedelta(days=3)
"""Invitations younger than this tell nothing of a response rate: people are still answering them."""

_LATER: Final = DAYS_AHEAD + 1


@dataclass(slots=True)
class Simulation:
    """What was counted so far. `rules` is by rule code, "" being those who may be asked.

    `free_after` is by number of days (1 to 30, 31 for later) the people whom only contact frequency protects now: from
    then on no cap objects to them, as far as it is known today. `after` is the id up to which it was counted.
    """

    rules: Counter[str] = field(default_factory=Counter)
    free_after: Counter[int] = field(default_factory=Counter)
    after: UUID | None = None
    is_done: bool = False

    @property
    def considered(self) -> int:
        """How many people were looked at."""
        return self.rules.total()

    @property
    def eligible(self) -> int:
        """How many of them may be asked."""
        return self.rules[fatigue.ELIGIBLE]

    @property
    def blocked(self) -> list[tuple[str, int]]:
        """The others by rule, the most frequent first."""
        return sorted(((r, n) for r, n in self.rules.items() if r and n), key=lambda pair: (-pair[1], pair[0]))

    def to_text(self) -> str:
        """For a cache."""
        state = [self.rules, {str(k): v for k, v in self.free_after.items()}, str(self.after or ""), self.is_done]
        return json.dumps(state)

    @classmethod
    def from_text(cls, text: str) -> Simulation:
        """From `to_text`."""
        rules, free, after, is_done = json.loads(text)
        free_after: Counter[int] = Counter({int(day): n for day, n in free.items()})
        return cls(Counter(rules), free_after, UUID(after) if after else None, is_done)


def simulate(trial: Trial, so_far: Simulation | None = None, *, seconds: float | None = None) -> Simulation:
    """Count on from `so_far` for about `seconds` (None: to the end); the same object, further on.

    Two statements for 50,000 people. Nothing is written.
    """
    found = so_far or Simulation()
    deadline = monotonic() + seconds if seconds is not None else None
    while not found.is_done:
        _count_slice(trial, found)
        if deadline is not None and monotonic() >= deadline:
            break
    return found


def forecast(simulation: Simulation, *, starting_with: int | None = None) -> list[int]:
    """How many people may be asked on each of the next 31 days, today first, if nobody else asks them meanwhile."""
    free = simulation.eligible if starting_with is None else starting_with
    days = [free]
    for day in range(1, DAYS_AHEAD + 1):
        days.append(days[-1] + simulation.free_after[day])
    return days


def days_needed(people: int, per_day: int | None) -> int | None:
    """How many days a plan takes that considers `per_day` of `people` a day; None where it takes all at once."""
    return ceil(people / per_day) if per_day else None


@dataclass(frozen=True, slots=True)
class Estimate:
    """How many answers are to be expected, by the rate of what was sent before (95 % interval of the rate).

    `of_survey` says whether that was this survey, or others of the same audience for want of it.
    """

    answers: int
    low: int
    high: int
    rate: float
    completed: int
    delivered: int
    of_survey: bool


def estimate_answers(survey: Survey, asked: int) -> Estimate | None:
    """Answers to expect from `asked` invitations; None where nothing was sent yet that it could be judged by.

    What went out in the last three days is left out: it is still being answered. At most two queries.
    """
    until = now() - TIME_TO_ANSWER
    counts, of_survey = response_counts(survey_ids=[survey.pk], end=until), True
    if not counts.delivered:
        others = Survey.objects.filter(audience=survey.audience).exclude(pk=survey.pk).values_list("pk", flat=True)
        counts, of_survey = response_counts(survey_ids=list(others), end=until), False
    if not counts.delivered:
        return None
    rate = counts.completed / counts.delivered
    low, high = wilson_bounds(counts.completed, counts.delivered)
    return Estimate(
        answers=round(asked * rate),
        low=int(asked * low),
        high=ceil(asked * high),
        rate=rate,
        completed=counts.completed,
        delivered=counts.delivered,
        of_survey=of_survey,
    )


def _count_slice(trial: Trial, found: Simulation) -> None:
    """Count the next slice of the audience into `found`."""
    rows, last = counted_slice(trial, after=found.after, most=SLICE)
    for rule, days, number in rows:
        found.rules[rule] += number
        if days is not None:
            found.free_after[min(max(days, 1), _LATER)] += number
    found.after, found.is_done = last, last is None
