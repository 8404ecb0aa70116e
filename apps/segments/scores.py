"""Scores of the people in a segment, for the pages of segments and personas. Filled by the metrics, which stand above.

register_scores(scores_of_segment)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from cxm.actor import Actor
from cxm.charts import sparkline


@dataclass(frozen=True, slots=True)
class Score:
    """One headline score of a segment's people.

    Args:
        name: nps, csat or ces.
        metric: what the metric service returns, in the shape promised to outsiders; None where answers on several
            scales meet, so that there is no one number.
        surveys: "relationship" or "touchpoint": which surveys it is from.
        values: the score by month, the oldest first, None for a month without answers.
        query: the filters of the feedback list that give the answers behind it.
    """

    name: str
    metric: Any
    surveys: str
    values: Sequence[float | None]
    query: str

    @property
    def title(self) -> str:
        """The metric in full."""
        names = {"nps": _("Net Promoter Score"), "csat": _("Customer satisfaction"), "ces": _("Customer effort")}
        return names[self.name]

    @property
    def spark(self) -> SafeString:
        """The months as a small drawing."""
        return sparkline(self.values)


class ScoreSource(Protocol):
    """NPS, CSAT and CES of the people who belong to a segment now."""

    def __call__(self, *, actor: Actor, organization: Any, segment_id: UUID) -> list[Score]: ...


_sources: list[ScoreSource] = []


def register_scores(source: ScoreSource) -> None:
    """Say who measures."""
    _sources[:] = [source]


def scores_of(*, actor: Actor, organization: Any, segment_id: UUID | None) -> list[Score]:
    """NPS, CSAT and CES; nothing when nobody measures, without a segment, or for somebody who may not see scores."""
    if not _sources or segment_id is None or not actor.can("metrics.view"):
        return []
    return _sources[0](actor=actor, organization=organization, segment_id=segment_id)
