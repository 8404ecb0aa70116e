"""Telling people from mail scanners by what a link saw. Pure.

Scanners open every link of a mail, some with a real browser. A GET never writes an answer, so nothing has to be
decided in time; these signs only say how many of the recorded hits are suspect, and flag, never delete, what follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

BROWSER: Final = "browser"
HEADLESS: Final = "headless"
PROGRAM: Final = "program"
UNKNOWN: Final = "unknown"

TOO_SOON: Final = timedelta(seconds=5)
"""Nobody opens a mail and taps a score within this time of its delivery."""
TOO_MANY_SCORES: Final = timedelta(seconds=10)
"""Nobody chooses two different scores within this time."""

_HEADLESS = re.compile(r"headless|phantomjs|puppeteer|playwright|selenium|webdriver|electron/", re.IGNORECASE)
_PROGRAM = re.compile(
    r"bot\b|crawl|spider|scan|preview|curl|wget|python|java/|okhttp|go-http|ruby|perl|libwww|axios|node-fetch|"
    r"barracuda|proofpoint|mimecast|safelinks|symantec|fortinet|googleimageproxy|validator|monitor",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Hit:
    """One opening of a link."""

    kind: str
    at: datetime
    score: int | None = None
    agent: str = UNKNOWN


def agent_class(user_agent: str) -> str:
    """What kind of program sent this User-Agent header; the header itself is not kept."""
    if not user_agent.strip():
        return UNKNOWN
    if _HEADLESS.search(user_agent):
        return HEADLESS
    if _PROGRAM.search(user_agent):
        return PROGRAM
    return BROWSER if user_agent.startswith("Mozilla/") else UNKNOWN


def suspected_hits(hits: Iterable[Hit], delivered_at: datetime | None) -> list[bool]:
    """For each hit of one link, in order of time, whether a scanner is suspected."""
    ordered = sorted(hits, key=lambda hit: hit.at)
    return [
        hit.kind == "head"
        or hit.agent in (HEADLESS, PROGRAM)
        or (delivered_at is not None and hit.at - delivered_at < TOO_SOON)
        or _one_of_several_scores(hit, ordered)
        for hit in ordered
    ]


def _one_of_several_scores(hit: Hit, hits: Sequence[Hit]) -> bool:
    return hit.score is not None and any(
        other.score is not None and other.score != hit.score and abs(other.at - hit.at) <= TOO_MANY_SCORES
        for other in hits
    )
