"""The score histogram: how often each score of a scale was given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

SCALES = (2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
"""Numbers of points a scale may have. Eleven points are 0..10, all others are 1..points."""


def lowest_score(scale: int) -> int:
    """The lowest score of a scale: 0 on eleven points (0..10), else 1."""
    return 0 if scale == 11 else 1


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of the scores of one question, from the lowest score up.

    `scale` is the number of points; `counts[i]` belongs to the score `lowest_score(scale) + i`. Histograms of one scale
    add; adding two scales is a ValueError, because no arithmetic makes a 4 of 5 and a 4 of 7 the same answer.
    """

    scale: int
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise ValueError(f"A scale of {self.scale} points is not supported; use one of {SCALES}.")
        if len(self.counts) != self.scale:
            raise ValueError(f"A scale of {self.scale} points needs {self.scale} counts, not {len(self.counts)}.")
        if min(self.counts) < 0:
            raise ValueError("Counts cannot be negative.")

    @classmethod
    def empty(cls, scale: int) -> Histogram:
        return cls(scale, (0,) * scale)

    @classmethod
    def of(cls, scale: int, counts: Mapping[int, int]) -> Histogram:
        """From a mapping of score to count; scores left out count 0, scores off the scale are a ValueError."""
        lowest = lowest_score(scale)
        row = [0] * scale
        for score, count in counts.items():
            if not lowest <= score < lowest + scale:
                raise ValueError(f"Score {score} is not on a scale of {scale} points.")
            row[score - lowest] = count
        return cls(scale, tuple(row))

    @classmethod
    def from_columns(cls, scale: int, columns: Iterable[int]) -> Histogram:
        """From eleven counts of the scores 0..10, as the database keeps them whatever the scale."""
        lowest = lowest_score(scale)
        return cls(scale, tuple(columns)[lowest : lowest + scale])

    @classmethod
    def sum(cls, scale: int, parts: Iterable[Histogram]) -> Histogram:
        total = cls.empty(scale)
        for part in parts:
            total += part
        return total

    def __add__(self, other: Histogram) -> Histogram:
        if self.scale != other.scale:
            raise ValueError(f"Scores on {self.scale} and on {other.scale} points cannot be added.")
        return Histogram(self.scale, tuple(map(int.__add__, self.counts, other.counts)))

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Pairs of score and count, from the lowest score up."""
        return enumerate(self.counts, start=lowest_score(self.scale))

    @property
    def lowest(self) -> int:
        return lowest_score(self.scale)

    @property
    def highest(self) -> int:
        return self.lowest + self.scale - 1

    @property
    def n(self) -> int:
        return sum(self.counts)

    @property
    def mean(self) -> float | None:
        """Arithmetic mean of the scores, or None without answers."""
        return sum(score * count for score, count in self) / self.n if self.n else None

    @property
    def variance(self) -> float | None:
        """Sample variance (divisor n - 1), or None for fewer than two answers."""
        return self.moments()[1] if self.n > 1 else None

    def moments(self) -> tuple[float, float]:
        """Mean and sample variance. ValueError for fewer than two answers."""
        n = self.n
        if n < 2:
            raise ValueError("A variance needs two answers.")
        total = sum(score * count for score, count in self)
        # Whole numbers to the last step, so that a histogram of one single score has a variance of exactly 0.
        return total / n, (n * sum(score * score * count for score, count in self) - total**2) / (n * (n - 1))

    @property
    def median(self) -> float | None:
        """Exact median, the middle of the two middle answers when n is even; None without answers."""
        n = self.n
        if not n:
            return None
        ranks = ((n - 1) // 2, n // 2)
        middle, seen = [], 0
        for score, count in self:
            middle += [score for rank in ranks if seen <= rank < seen + count]
            seen += count
        return sum(middle) / 2

    def between(self, first: int, last: int) -> int:
        """Number of answers with a score from `first` to `last`, both included."""
        return sum(count for score, count in self if first <= score <= last)

    def as_json(self) -> dict[str, int]:
        """Every score of the scale as a string key, with its count."""
        return {str(score): count for score, count in self}
