"""Codes, limits and the arithmetic of votes and clocks. Nothing here reads the database.

A code is nine letters of twenty: 20^9 = 512 thousand million. Nobody needs a wrong one: from one address come at most
240 tries at once and 1,440 a day after that. With a hundred workshops open at once in the whole installation, an
address that tries for a whole day finds one with a chance of 1,680 * 100 / 5.12e11 = 1 in 3 million, and ten thousand
addresses together with 1 in 300. Who finds one may choose a name and is seen on the host's list.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.utils.crypto import salted_hmac

from cxm.api.throttles import Limit

LETTERS: Final = "BCDFGHJKMNPQRSTVWXYZ"
"""No vowels, so no words; no I, L or O, which look like digits."""
CODE_LENGTH: Final = 9
GROUP: Final = 3

USUAL_TIME: Final = timedelta(days=1)
LONGEST: Final = timedelta(days=7)
MOST_GUESTS: Final = 100
MOST_ROUNDS: Final = 50
MOST_VOTES: Final = 50
LONGEST_TIMER: Final = timedelta(hours=8)

TRIES: Final = Limit(rate=1 / 60, burst=240)
"""Looking up a code without a session of it, from one address: a room full of people joins at once."""
JOINS: Final = Limit(rate=1, burst=MOST_GUESTS)
"""People who join with one code."""
ACTS: Final = Limit(rate=10, burst=300)
"""Requests of one guest: typing and keeping up with the others."""

STEPS: Final = "steps"
"""Named in the lanes of a round when the steps themselves stand for election."""

_SPACES = re.compile(r"[\s\-.·]+")


def code_of(workshop_id: UUID, version: int) -> str:
    """The code of a workshop, such as "BCDFGHJKM"; another version is another code."""
    number = int.from_bytes(salted_hmac("workshops.code", f"{workshop_id}:{version}", algorithm="sha256").digest())
    letters = []
    for _place in range(CODE_LENGTH):
        number, letter = divmod(number, len(LETTERS))
        letters.append(LETTERS[letter])
    return "".join(letters)


def in_groups(code: str) -> str:
    """A code as people say and type it: "bcd-fgh-jkm"."""
    return "-".join(code[at : at + GROUP] for at in range(0, len(code), GROUP)).lower()


def read_code(text: str) -> str:
    """What somebody typed as a code, "" when it can be none: capitals, spaces and dashes do not matter."""
    if len(text) > 60:
        return ""
    code = _SPACES.sub("", text).upper()
    return code if len(code) == CODE_LENGTH and all(letter in LETTERS for letter in code) else ""


def digest_of(code: str) -> str:
    """What is stored of a code: a hash under the installation's key, so that a copy of the table opens nothing."""
    return salted_hmac("workshops.digest", code, algorithm="sha256").hexdigest()


def new_secret() -> str:
    """The secret of one browser: 256 bits."""
    return secrets.token_urlsafe(32)


def hash_of(secret: str) -> str:
    """What is stored of a browser's secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def mark_of(salt: str, person: UUID) -> str:
    """What is stored of a voter: tells the own dots while the round runs, and nothing once the salt is gone."""
    return salted_hmac("workshops.voter", f"{salt}:{person}", algorithm="sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Timer:
    """A clock: `state` is "none", "running", "paused" or "over"; `left` whole seconds, `ends_at` while it runs."""

    state: str
    left: int
    ends_at: datetime | None = None


def timer_of(ends_at: datetime | None, left: int | None, now: datetime) -> Timer:
    """The clock as everybody sees it at this moment."""
    if left is not None:
        return Timer("paused", left)
    if ends_at is None:
        return Timer("none", 0)
    seconds = (ends_at - now).total_seconds()
    return Timer("running", max(1, round(seconds)), ends_at) if seconds > 0 else Timer("over", 0, ends_at)


@dataclass(frozen=True, slots=True)
class Ranked:
    """A place in the result. Equal dots share a place: `rank` 1, 2, 2, 4."""

    rank: int
    thing: UUID
    dots: int
    voters: int
    is_tie: bool


def ranking(dots: Mapping[UUID, int], voters: Mapping[UUID, int]) -> list[Ranked]:
    """The things that got dots, most first; ties share a rank and keep the order in which they were given."""
    found = []
    for thing, count in sorted(dots.items(), key=lambda pair: -pair[1]):
        rank = 1 + sum(other > count for other in dots.values())
        is_tie = sum(other == count for other in dots.values()) > 1
        found.append(Ranked(rank, thing, count, voters.get(thing, 0), is_tie))
    return found
