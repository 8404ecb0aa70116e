"""Whether the people behind a persona still are who it describes. Pure arithmetic: no database.

Two questions, docs/adr/0104: does what the persona claims of its people hold (Wilson interval of the share), and
has their make-up moved since the baseline (chi-square on counts, Benjamini-Hochberg over all that was compared, and a
smallest size that is worth an alarm)?
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Literal

from cxm.statistics import wilson_bounds

LEAST = 30
"""People below which nothing is an alarm."""
LEAST_MOVE = 0.10
"""Smallest total variation (half the sum of the absolute differences of shares) that is an alarm."""
LEAST_GROWTH = 0.25
"""Smallest relative change of the share of all customers that is an alarm."""
FALSE_DISCOVERIES = 0.10
MOST_ATTRIBUTES = 20
MOST_VALUES = 20
BINS = 5
LEAST_OF_A_VALUE = 5
"""Values that fewer people share are counted as “other”: a make-up holds nobody's own value."""
LEAST_EXPECTED = 5.0
OTHER, MISSING = "other", "missing"
"""What is counted beside the values of a dimension."""
LONGEST_VALUE = 80

ClaimState = Literal["holds", "broken", "open"]


def interval(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson), as two numbers from 0 to 1; (0, 1) when n is 0."""
    return wilson_bounds(hits, n) if n else (0.0, 1.0)


def state_of_claim(hits: int, n: int, at_least: float) -> ClaimState:
    """`broken` when the whole interval lies below what is claimed, `holds` when it lies at or above; else `open`."""
    if n < LEAST:
        return "open"
    low, high = interval(hits, n)
    return "broken" if high < at_least else "holds" if low >= at_least else "open"


@dataclass(slots=True)
class Dimension:
    """How people spread over the values of one thing, or over ranges of a number.

    `edges` are the upper bounds, excluded, of all ranges but the last; range i is counted under its number as text.
    """

    name: str
    counts: dict[str, int] = field(default_factory=dict)
    edges: list[float] = field(default_factory=list)
    other: int = 0
    missing: int = 0

    def as_json(self) -> dict[str, Any]:
        """As a baseline keeps it."""
        return {
            "name": self.name,
            "counts": self.counts,
            "edges": self.edges,
            "other": self.other,
            "missing": self.missing,
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Dimension:
        """From a baseline."""
        return cls(raw["name"], dict(raw["counts"]), list(raw["edges"]), raw["other"], raw["missing"])

    @property
    def cells(self) -> dict[tuple[str, str], int]:
        """Every count under ("value", text), ("other", "") or ("missing", "")."""
        values = {("value", value): n for value, n in self.counts.items()}
        return {**values, (OTHER, ""): self.other, (MISSING, ""): self.missing}

    def range_words(self, key: str) -> tuple[float | None, float | None]:
        """Bounds of a range by its number: from (included) and to (excluded), None for an open end."""
        index = int(key)
        low = self.edges[index - 1] if index else None
        return low, self.edges[index] if index < len(self.edges) else None


def spread(name: str, values: Sequence[Any]) -> Dimension | None:
    """The dimension that these values make (None = not known); None when they tell nobody apart or everybody.

    Up to 20 different values are counted one by one; more of them, when they are numbers, in five ranges of as nearly
    the same size as they allow.
    """
    known = [value for value in values if text_of(value) is not None]
    if len(known) < max(LEAST_OF_A_VALUE, len(values) / 100):
        return None
    texts = Counter(text_of(value) for value in known)
    if len(texts) <= MOST_VALUES:
        kept = {str(text): 0 for text, n in texts.most_common() if n >= LEAST_OF_A_VALUE}
        return count_into(Dimension(name, kept), values) if kept else None
    numbers = sorted(float(value) for value in known if is_number(value))
    if len(numbers) < 0.95 * len(known):
        return None
    edges = sorted({numbers[len(numbers) * part // BINS] for part in range(1, BINS)} - {numbers[0]})
    if not edges:
        return None
    return count_into(Dimension(name, {str(index): 0 for index in range(len(edges) + 1)}, edges), values)


def count_into(like: Dimension, values: Iterable[Any]) -> Dimension:
    """The same dimension, counted anew over these values."""
    made = Dimension(like.name, dict.fromkeys(like.counts, 0), like.edges)
    for value in values:
        text = text_of(value)
        if text is None:
            made.missing += 1
        elif like.edges:
            if is_number(value):
                made.counts[str(sum(value >= edge for edge in like.edges))] += 1
            else:
                made.other += 1
        elif text in made.counts:
            made.counts[text] += 1
        else:
            made.other += 1
    return made


def is_number(value: Any) -> bool:
    """Whether it can be ordered among numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def text_of(value: Any) -> str | None:
    """A value as a make-up counts it; None when there is none, or when it is a list or an object."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or value == "" or not isinstance(value, str | int | float):
        return None
    return str(value)[:LONGEST_VALUE]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that moved: the cell that moved most of a dimension, its shares (0..1) before and now.

    `name` is "size" for the share of all customers; then `before_n` and `n` are numbers of members, else of people
    compared. `low` and `high` bound a range.
    """

    name: str
    kind: str
    value: str
    before: float
    now: float
    before_n: int
    n: int
    p: float
    move: float
    low: float | None = None
    high: float | None = None

    def as_json(self) -> dict[str, Any]:
        """As a check keeps it."""
        return {
            name: round(value, 6) if isinstance(value := getattr(self, name), float) else value
            for name in self.__slots__
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Finding:
        """From a check."""
        return cls(**raw)


@dataclass(frozen=True, slots=True)
class Population:
    """A make-up with the number of members and of all customers behind it. `sample` members were looked at."""

    size: int
    customers: int
    sample: int
    dimensions: Sequence[Dimension]


def compare(before: Population, now: Population) -> list[Finding]:
    """What moved beyond chance and by enough to matter, the largest move first."""
    candidates: list[tuple[float, bool, Finding]] = []
    if growth := _growth(before, now):
        candidates.append(growth)
    if min(before.sample, now.sample) >= LEAST:
        of_name = {dimension.name: dimension for dimension in now.dimensions}
        for dimension in before.dimensions:
            if dimension.name in of_name and (moved := _moved(dimension, of_name[dimension.name])):
                candidates.append(moved)
    kept = discoveries([p for p, _large, _finding in candidates])
    found = [finding for keep, (_p, large, finding) in zip(kept, candidates, strict=True) if keep and large]
    return sorted(found, key=lambda finding: -finding.move)


def discoveries(p_values: Sequence[float], rate: float = FALSE_DISCOVERIES) -> list[bool]:
    """Which of these hypotheses Benjamini and Hochberg (1995) reject at a false discovery rate."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    last = max(
        (rank for rank, index in enumerate(order, 1) if p_values[index] <= rate * rank / len(p_values)), default=0
    )
    rejected = set(order[:last])
    return [index in rejected for index in range(len(p_values))]


def chi_square(before: Sequence[int], now: Sequence[int]) -> float:
    """p of the hypothesis that two rows of counts come from one spread (Pearson). 1.0 when it cannot be tested.

    Cells of which fewer than five would be expected in either row are joined.
    """
    total_before, total_now = sum(before), sum(now)
    total = total_before + total_now
    if not total_before or not total_now:
        return 1.0
    pairs, rare = [], [0, 0]
    for old, new in zip(before, now, strict=True):
        if (old + new) * min(total_before, total_now) / total < LEAST_EXPECTED:
            rare[0] += old
            rare[1] += new
        else:
            pairs.append((old, new))
    if sum(rare):
        pairs.append((rare[0], rare[1]))
    if len(pairs) < 2:
        return 1.0
    statistic = 0.0
    for old, new in pairs:
        for seen, row in ((old, total_before), (new, total_now)):
            expected = (old + new) * row / total
            statistic += (seen - expected) ** 2 / expected
    from scipy.stats import chi2  # costs 0.5 s and 60 MB, which only the checking process should pay

    return float(chi2.sf(statistic, len(pairs) - 1))


def _moved(before: Dimension, now: Dimension) -> tuple[float, bool, Finding] | None:
    old, new = before.cells, now.cells
    keys = [key for key in old if old[key] or new.get(key)]
    old_n, new_n = sum(old.values()), sum(new.values())
    if len(keys) < 2 or not old_n or not new_n:
        return None
    shares = {key: (old[key] / old_n, new.get(key, 0) / new_n) for key in keys}
    variation = sum(abs(b - a) for a, b in shares.values()) / 2
    kind, value = max(keys, key=lambda key: abs(shares[key][1] - shares[key][0]))
    low, high = before.range_words(value) if before.edges and kind == "value" else (None, None)
    p = chi_square([old[key] for key in keys], [new.get(key, 0) for key in keys])
    finding = Finding(before.name, kind, value, *shares[kind, value], old_n, new_n, p, variation, low, high)
    return p, variation >= LEAST_MOVE, finding


def _growth(before: Population, now: Population) -> tuple[float, bool, Finding] | None:
    if not before.customers or not now.customers or max(before.size, now.size) < LEAST:
        return None
    old, new = before.size / before.customers, now.size / now.customers
    p = chi_square([before.size, before.customers - before.size], [now.size, now.customers - now.size])
    relative = abs(new - old) / old if old else 1.0
    large = relative >= LEAST_GROWTH
    return p, large, Finding("size", "value", "", old, new, before.size, now.size, p, relative)
