"""Atoms: what an anonymous survey shows can be added and subtracted at will, and nobody stands alone."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from itertools import combinations
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from apps.metrics.statistics.privacy import (
    Cell,
    Circumstances,
    atoms,
    enough,
    enough_of_each,
    inside,
    steps_for,
    summed,
)

FIRST = date(2026, 1, 28)
BRANCHES = [(UUID(int=1),), (UUID(int=1), UUID(int=2)), (UUID(int=1), UUID(int=3)), (UUID(int=4),), ()]

PLACES = st.builds(
    Circumstances,
    day=st.integers(0, 9).map(lambda days: FIRST + timedelta(days)),
    unit=st.sampled_from(BRANCHES),
    touchpoint=st.sampled_from([None, UUID(int=9)]),
    channel=st.sampled_from(["web", "phone", "kiosk"]),
)
ANSWERS = st.lists(st.tuples(PLACES, st.sampled_from("ab")), max_size=60)


def cells_of(answers: list[tuple[Circumstances, str]]) -> list[Cell]:
    by_place: dict[Circumstances, Counter[str]] = {}
    for where, value in answers:
        by_place.setdefault(where, Counter())[value] += 1
    return [Cell(where, sum(values.values()), dict(values)) for where, values in by_place.items()]


def cut(answers: Any, threshold: int, employees: bool, fits: Any = None) -> list[Any]:
    cells = cells_of(answers)
    return atoms(cells, steps_for(cells, employees=employees), fits or enough(threshold), threshold)


@given(ANSWERS, st.integers(3, 6), st.booleans())
def test_every_answer_is_in_one_atom_and_no_atom_is_small(answers: Any, threshold: int, employees: bool) -> None:
    found = cut(answers, threshold, employees)
    if len(answers) < threshold:
        assert found == []
        return
    assert all(sum(cell.n for cell in atom) >= threshold for atom in found)
    assert summed(found) == (len(answers), Counter(value for _, value in answers))


@given(ANSWERS, st.integers(3, 6), st.booleans())
def test_of_choices_no_atom_tells_what_few_people_chose(answers: Any, threshold: int, employees: bool) -> None:
    found = cut(answers, threshold, employees, enough_of_each(threshold))
    if len(found) < 2:
        return  # the whole survey is shown as it is
    for atom in found:
        n, values = summed([atom])
        assert all(count == 0 or count >= threshold for count in values.values())
        assert all(n - count == 0 or n - count >= threshold for count in values.values())


@given(ANSWERS, st.booleans(), st.randoms())
def test_atoms_do_not_depend_on_the_order_of_the_answers(answers: Any, employees: bool, chance: Any) -> None:
    mixed = list(answers)
    chance.shuffle(mixed)

    def as_sets(found: list[Any]) -> set[frozenset[Circumstances]]:
        return {frozenset(cell.where for cell in atom) for atom in found}

    assert as_sets(cut(answers, 5, employees)) == as_sets(cut(mixed, 5, employees))


def selections() -> list[Any]:
    """Windows, branches, touchpoints and channels, alone and several values at once."""
    days = [FIRST + timedelta(days) for days in range(10)]
    wanted: list[Any] = [lambda where: True]
    wanted += [
        lambda where, first=first, last=last: first <= where.day <= last
        for first, last in [*combinations(days, 2), *zip(days, days, strict=True)]
    ]
    for number in (1, 2, 3, 4):
        wanted.append(lambda where, unit=UUID(int=number): unit in where.unit)
    wanted.append(lambda where: not where.unit)
    for size in (1, 2):
        for channels in combinations(["web", "phone", "kiosk"], size):
            wanted.append(lambda where, channels=channels: where.channel in channels)
            wanted.append(lambda where, channels=channels: where.channel in channels and UUID(int=1) in where.unit)
    for touchpoint in (None, UUID(int=9)):
        wanted.append(lambda where, touchpoint=touchpoint: where.touchpoint == touchpoint)
    return wanted


@settings(max_examples=60, deadline=None)
@given(ANSWERS, st.integers(3, 6), st.booleans())
def test_no_two_selections_can_be_subtracted_to_fewer_than_the_threshold(
    answers: Any, threshold: int, employees: bool
) -> None:
    found = cut(answers, threshold, employees)
    shown = set()
    for wanted in selections():
        seen = inside(found, wanted)[0]
        shown.add(frozenset(cell.where for atom in seen for cell in atom))
    people = Counter(where for where, _ in answers)
    for one, other in combinations(shown, 2):
        for left in (one - other, other - one, one & other):
            assert not left or sum(people[where] for where in left) >= threshold


def test_a_small_team_takes_the_smallest_other_with_it() -> None:
    where = {name: Circumstances(FIRST, (UUID(int=1), UUID(int=number))) for number, name in enumerate("abc", 2)}
    answers = [(where["a"], "x")] * 12 + [(where["b"], "x")] * 7 + [(where["c"], "x")] * 3
    sizes = sorted(sum(cell.n for cell in atom) for atom in cut(answers, 5, True))
    assert sizes == [10, 12]
