"""Scores of the people in a segment, for the pages of segments and personas. Filled by the metrics, which stand above.

register_scores(scores_of_segment)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class Difference:
    """One score minus another of the same rule, with its 95 % interval, in the score's own unit."""

    value: float
    low: float
    high: float
    unit: str

    @property
    def significant(self) -> bool:
        """Whether the interval excludes no difference at all."""
        return self.low > 0 or self.high < 0


class HeadlineSource(Protocol):
    """The score of one metric of the people of each of several segments, by segment; those without answers missing."""

    def __call__(
        self, *, actor: Actor, organization: Any, metric: str, segment_ids: Collection[UUID]
    ) -> Mapping[UUID, Any]: ...


class DifferenceSource(Protocol):
    """The second of two scores minus the first; None where they cannot be compared."""

    def __call__(self, first: Any, second: Any) -> Difference | None: ...


class ScoreSource(Protocol):
    """NPS, CSAT and CES of the people who belong to a segment now."""

    def __call__(self, *, actor: Actor, organization: Any, segment_id: UUID) -> list[Score]: ...


_sources: list[ScoreSource] = []
_headlines: list[HeadlineSource] = []
_differences: list[DifferenceSource] = []


def register_scores(source: ScoreSource) -> None:
    """Say who measures."""
    _sources[:] = [source]


def scores_of(*, actor: Actor, organization: Any, segment_id: UUID | None) -> list[Score]:
    """NPS, CSAT and CES; nothing when nobody measures, without a segment, or for somebody who may not see scores."""
    if not _sources or segment_id is None or not actor.can("metrics.view"):
        return []
    return _sources[0](actor=actor, organization=organization, segment_id=segment_id)


def register_headlines(source: HeadlineSource) -> None:
    """Say who measures several segments at once."""
    _headlines[:] = [source]


def headlines_of(*, actor: Actor, organization: Any, metric: str, segment_ids: Collection[UUID]) -> Mapping[UUID, Any]:
    """One score of the people of each segment, the same as `scores_of` gives; {} for who may not see scores.

    As many queries for many segments as for one.
    """
    if not _headlines or not segment_ids or not actor.can("metrics.view"):
        return {}
    return _headlines[0](actor=actor, organization=organization, metric=metric, segment_ids=segment_ids)


def register_difference(source: DifferenceSource) -> None:
    """Say who compares scores."""
    _differences[:] = [source]


def difference_of(first: Any, second: Any) -> Difference | None:
    """The second of two scores minus the first, by the rule they share; None where they cannot be compared."""
    return _differences[0](first, second) if _differences and first is not None and second is not None else None
