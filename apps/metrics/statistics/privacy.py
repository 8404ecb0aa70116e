"""Anonymous surveys: which numbers may be shown without telling what one person answered.

Three guards, all against the same reader, who asks twice and subtracts:

1. A selection of fewer answers than the threshold is hidden, and so is one that leaves fewer outside.
2. Time is released in blocks of whole days that hold enough answers inside and outside the selection. A window shows
   the blocks that lie wholly inside it, so two windows never differ by fewer answers than the threshold.
3. In a split, when the hidden groups together are fewer than the threshold, the smallest shown one is hidden too.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)

COMMENT_THRESHOLD = 8
"""Comments of an anonymous survey are shown from this many answers on: words give away more than scores."""


@dataclass(frozen=True, slots=True)
class DayCount:
    """Answers of one survey on one day: those in the selection, and all the others."""

    day: date
    inside: int
    outside: int


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive days that are only ever shown together."""

    first: date
    last: date


def released_blocks(days: Iterable[DayCount], threshold: int) -> list[Block]:
    """Cut the days of a survey into the smallest blocks with enough answers inside and, if any, outside.

    Days after the last complete block join it: they are shown with it or not at all. No block at all means that nothing
    may be shown.
    """
    ordered = sorted(days, key=lambda count: count.day)
    blocks: list[Block] = []
    first: date | None = None
    inside = outside = 0
    for count in ordered:
        first = first or count.day
        inside += count.inside
        outside += count.outside
        if inside >= threshold and (outside == 0 or outside >= threshold):
            blocks.append(Block(first, count.day))
            first, inside, outside = None, 0, 0
    if first is not None and blocks:
        # The rest joins the last block; where that leaves too few outside, blocks keep joining backwards.
        last = ordered[-1].day
        while blocks:
            start = blocks.pop().first
            rest = [count for count in ordered if start <= count.day <= last]
            outside = sum(count.outside for count in rest)
            if outside == 0 or outside >= threshold:
                return [*blocks, Block(start, last)]
    return blocks


def hidden_groups(counts: Mapping[Key, int], threshold: int) -> set[Key]:
    """The groups of a split to hide: the small ones, and as many more as it takes to keep those from being subtracted.

    Empty groups hide nothing and are not hidden: "no answer" is not "below the threshold".
    """
    hidden = {key for key, n in counts.items() if 0 < n < threshold}
    shown = sorted((key for key, n in counts.items() if n >= threshold), key=lambda key: counts[key])
    while hidden and shown and sum(counts[key] for key in hidden) < threshold:
        hidden.add(shown.pop(0))
    return hidden
