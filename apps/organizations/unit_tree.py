"""The organisation tree as a value: who stands under whom. Pure: made from rows, reads nothing.

An organisation has hundreds of units, not millions, so the whole tree is read in one query and walked in memory.
"""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

#: A chain of command deeper than this is a mistake in a file.
DEEPEST: Final = 12


class Node(Protocol):
    """What the tree needs to know of a unit."""

    id: uuid.UUID
    parent_id: uuid.UUID | None
    name: str


@dataclass(frozen=True)
class Branch:
    """A unit with the branches below it, for pages that draw the tree."""

    unit: Node
    branches: tuple["Branch", ...]


@dataclass(frozen=True)
class UnitTree:
    """All units of one organisation by id, and the children of each, in alphabetical order."""

    units: dict[uuid.UUID, Node]
    children: dict[uuid.UUID | None, list[Node]] = field(repr=False)

    @classmethod
    def of(cls, rows: Iterable[Node]) -> "UnitTree":
        """The tree of these rows. A parent that is not among them counts as none."""
        units = {row.id: row for row in rows}
        children: dict[uuid.UUID | None, list[Node]] = {}
        for row in sorted(units.values(), key=lambda unit: (unit.name.casefold(), unit.id)):
            children.setdefault(row.parent_id if row.parent_id in units else None, []).append(row)
        return cls(units, children)

    def branch(self, unit_id: uuid.UUID) -> frozenset[uuid.UUID]:
        """A unit and everything below it; empty when there is no such unit."""
        if unit_id not in self.units:
            return frozenset()
        found = {unit_id}
        waiting = [unit_id]
        while waiting:
            for child in self.children.get(waiting.pop(), ()):
                if child.id not in found:
                    found.add(child.id)
                    waiting.append(child.id)
        return frozenset(found)

    def branches(self, unit_ids: Iterable[uuid.UUID]) -> frozenset[uuid.UUID]:
        """The branches of several units together."""
        return frozenset().union(*(self.branch(unit_id) for unit_id in unit_ids))

    def path(self, unit_id: uuid.UUID) -> list[Node]:
        """From the top down to this unit, itself included."""
        steps: list[Node] = []
        here: uuid.UUID | None = unit_id
        while here in self.units and len(steps) <= len(self.units):
            steps.append(self.units[here])
            here = self.units[here].parent_id
        return steps[::-1]

    def would_loop(self, unit_id: uuid.UUID, parent_id: uuid.UUID | None) -> bool:
        """Whether ``unit_id`` under ``parent_id`` would make a unit its own superior."""
        return parent_id is not None and parent_id in self.branch(unit_id)

    def depth(self, unit_id: uuid.UUID) -> int:
        """How many levels down this unit stands; 1 at the top."""
        return len(self.path(unit_id))

    def height(self, unit_id: uuid.UUID) -> int:
        """How many levels this unit's branch has; 1 when nothing is below it."""
        deepest, waiting = 1, [(unit_id, 1)]
        while waiting:
            here, level = waiting.pop()
            deepest = max(deepest, level)
            waiting.extend((child.id, level + 1) for child in self.children.get(here, ()))
        return deepest

    def walk(self, within: frozenset[uuid.UUID] | None = None) -> Iterator[tuple[Node, int]]:
        """Every unit with its level (0 at the top), parents before children, as a page lists them.

        ``within`` keeps to these units; one whose parent is left out stands at the top.
        """

        def under(parent_id: uuid.UUID | None, level: int) -> Iterator[tuple[Node, int]]:
            for unit in self.children.get(parent_id, ()):
                shown = within is None or unit.id in within
                if shown:
                    yield unit, level
                yield from under(unit.id, level + 1 if shown else level)

        yield from under(None, 0)

    def forest(self, within: frozenset[uuid.UUID] | None = None) -> tuple[Branch, ...]:
        """The same as nested branches, those at the top first."""

        def under(parent_id: uuid.UUID | None) -> tuple[Branch, ...]:
            found: list[Branch] = []
            for unit in self.children.get(parent_id, ()):
                below = under(unit.id)
                found += [Branch(unit, below)] if within is None or unit.id in within else below
            return tuple(found)

        return under(None)

    def label(self, unit_id: uuid.UUID) -> str:
        """The way to a unit in words: “North › Berlin › Night shift”."""
        return " › ".join(unit.name for unit in self.path(unit_id))
