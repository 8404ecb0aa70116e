"""Anonymous surveys: which numbers may be shown without telling what one person answered.

Hiding groups that are too small is not enough against a reader who asks twice and subtracts. So the answers to a
question are cut once, by fixed rules, into **atoms**: groups of at least the threshold that are only shown whole. A
selection, a window, a branch of the tree or a group of a split shows the atoms that lie wholly inside it. Every number
shown is a sum over atoms, so is everything that can be reckoned from such numbers, and no atom is too small: whatever
is subtracted from whatever, nobody or enough people remain (docs/adr/0124).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

COMMENT_THRESHOLD = 8
"""Comments of an anonymous survey are shown from this many answers on: words give away more than scores."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """All that an anonymous answer is told apart by. ``unit`` is the way from the top of the tree down to its unit."""

    day: date
    unit: tuple[UUID, ...] = ()
    touchpoint: UUID | None = None
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """The answers to one question in the same circumstances: how many, and sums over them by value."""

    where: Circumstances
    n: int
    sums: Mapping[Any, float]


Atom = tuple[Cell, ...]
Fits = Callable[[Sequence[Cell]], bool]


@dataclass(frozen=True, slots=True)
class Step:
    """One way to cut: by a key of the circumstances. What has an order is joined with its neighbours only."""

    key: Callable[[Circumstances], Hashable]
    ordered: bool = False


BY_MONTH = Step(lambda where: (where.day.year, where.day.month), ordered=True)
BY_DAY = Step(lambda where: where.day, ordered=True)
BY_TOUCHPOINT = Step(lambda where: where.touchpoint)
BY_CHANNEL = Step(lambda where: where.channel)


def by_level(level: int) -> Step:
    """By the units of one level of the tree; a unit that ends above it is a group of its own."""
    return Step(lambda where: where.unit[: level + 1])


def steps_for(cells: Iterable[Cell], *, employees: bool) -> list[Step]:
    """How the answers of a survey are cut: of employees by team before time, of customers by time before team."""
    deepest = max((len(cell.where.unit) for cell in cells), default=0)
    levels = [by_level(level) for level in range(deepest)]
    if employees:
        return [*levels, BY_MONTH, BY_TOUCHPOINT, BY_CHANNEL, BY_DAY]
    return [BY_MONTH, BY_TOUCHPOINT, BY_CHANNEL, *levels, BY_DAY]


def enough(threshold: int) -> Fits:
    """Groups of at least so many answers."""
    return lambda cells: sum(cell.n for cell in cells) >= threshold


def enough_of_each(threshold: int, counted: Callable[[Any], bool] | None = None) -> Fits:
    """Groups of at least so many answers in which every value (or every one that is ``counted``) was given by so many
    or by nobody, and left by so many or by nobody: for choices, where a small count is an answer told of few people.
    """

    def fits(cells: Sequence[Cell]) -> bool:
        n = sum(cell.n for cell in cells)
        if n < threshold:
            return False
        times: dict[Any, float] = defaultdict(float)
        for cell in cells:
            for value, count in cell.sums.items():
                times[value] += count
        checked = [count for value, count in times.items() if counted is None or counted(value)]
        return not any(0 < count < threshold or 0 < n - count < threshold for count in checked)

    return fits


def atoms(cells: Iterable[Cell], steps: Sequence[Step], fits: Fits, threshold: int) -> list[Atom]:
    """Cut answers into the groups that are shown whole: as finely as every group fits. None at all below the threshold.

    The same answers always give the same atoms, whatever is asked for.
    """
    whole = tuple(cells)
    if sum(cell.n for cell in whole) < threshold:
        return []
    found = [whole]
    for step in steps:
        found = [part for atom in found for part in _cut(atom, step, fits)]
    return found


def _cut(atom: Atom, step: Step, fits: Fits) -> list[Atom]:
    groups: dict[Any, list[Cell]] = defaultdict(list)
    for cell in atom:
        groups[step.key(cell.where)].append(cell)
    if len(groups) == 1:
        return [atom]
    if step.ordered:
        parts = _in_order([groups[key] for key in sorted(groups)], fits)
    else:
        parts = _by_size([groups[key] for key in sorted(groups, key=repr)], fits)
    return [tuple(part) for part in parts] if parts else [atom]


def _in_order(groups: Sequence[list[Cell]], fits: Fits) -> list[list[Cell]]:
    """Join neighbours until they fit; what is left at the end joins the last ones. Empty when nothing can be cut."""
    parts: list[list[Cell]] = []
    open_part: list[Cell] = []
    for group in groups:
        open_part = [*open_part, *group]
        if fits(open_part):
            parts.append(open_part)
            open_part = []
    while open_part and parts:
        open_part = [*parts.pop(), *open_part]
        if fits(open_part):
            return [*parts, open_part]
    return parts


def _by_size(groups: Sequence[list[Cell]], fits: Fits) -> list[list[Cell]]:
    """Leave the groups that fit alone, and join the others with as many of the smallest as it takes to fit."""
    parts = sorted((group for group in groups if fits(group)), key=lambda group: sum(cell.n for cell in group))
    rest = [cell for group in groups if not fits(group) for cell in group]
    while rest and parts and not fits(rest):
        rest = [*rest, *parts.pop(0)]
    if not rest:
        return parts
    return [*parts, rest] if fits(rest) else []


def inside(found: Iterable[Atom], wanted: Callable[[Circumstances], bool]) -> tuple[list[Atom], int]:
    """The atoms that lie wholly inside a selection, and how many selected answers lie in others."""
    shown, hidden = [], 0
    for atom in found:
        chosen = sum(cell.n for cell in atom if wanted(cell.where))
        if chosen == sum(cell.n for cell in atom):
            shown.append(atom)
        else:
            hidden += chosen
    return shown, hidden


def summed(found: Iterable[Atom]) -> tuple[int, dict[Any, float]]:
    """How many answers these atoms hold, and their sums by value."""
    n = 0
    sums: dict[Any, float] = defaultdict(float)
    for atom in found:
        for cell in atom:
            n += cell.n
            for value, amount in cell.sums.items():
                sums[value] += amount
    return n, dict(sums)
