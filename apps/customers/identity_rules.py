"""Who an identifier belongs to: a pure function of which messages there were, never of the order they came in.

A *claim* says that an identifier was seen together with a better one, its holder, at a time. Of all claims on an
identifier the smallest wins: (priority of the holder, time, the holder's value). A holder keeps only so many
identifiers of a kind, the earliest claimed; the others stand for themselves. Whoever owns the holder owns the
identifier. A user id can be claimed only by another one, with an alias.

Nodes of the graph are pairs (kind, value): the four kinds of identifiers, and ("record", id) for a customer record
that no user id names. A record that was made for an identifier (its home) goes where the identifier goes. What a
colleague merged by hand goes before every claim.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

USER: Final = "user_id"
RECORD: Final = "record"
EMAIL: Final = "email"
PHONE: Final = "phone"
ANONYMOUS: Final = "anonymous_id"

Node = tuple[str, str]

PRIORITY: Final = {USER: 0, RECORD: 1, EMAIL: 2, PHONE: 3, ANONYMOUS: 4}
LIMITS: Final = {EMAIL: 5, PHONE: 5, ANONYMOUS: 1000}
"""How many identifiers of a kind one holder keeps: more come from a shared computer or a broken integration."""


@dataclass(frozen=True, slots=True, order=True)
class Claim:
    """That an identifier belongs to a holder. Claims compare by worth: the smaller one wins."""

    priority: int
    at: datetime
    value: str
    kind: str

    @classmethod
    def by(cls, holder: Node, at: datetime) -> Claim:
        """The claim of this holder."""
        return cls(PRIORITY[holder[0]], at, holder[1], holder[0])

    @classmethod
    def read(cls, text: str, at: datetime | None) -> Claim | None:
        """A claim as the database holds it ("user_id:u-17"), None when there is none."""
        if not text or at is None:
            return None
        kind, _colon, value = text.partition(":")
        return cls.by((kind, value), at)

    @property
    def holder(self) -> Node:
        """Who claims."""
        return self.kind, self.value

    @property
    def text(self) -> str:
        """The holder as the database names it."""
        return f"{self.kind}:{self.value}"


def within_limits(claims: Mapping[Node, Claim]) -> set[Node]:
    """The nodes whose claim counts: of each holder and kind the earliest, up to the limit."""
    groups: dict[tuple[Node, str], list[Node]] = defaultdict(list)
    for node, claim in claims.items():
        groups[claim.holder, node[0]].append(node)
    counting: set[Node] = set()
    for (_holder, kind), nodes in groups.items():
        limit = LIMITS.get(kind)
        if limit is not None and len(nodes) > limit:
            nodes = sorted(nodes, key=lambda node: (claims[node].at, node[1]))[:limit]
        counting.update(nodes)
    return counting


def parents_of(
    claims: Mapping[Node, Claim], homes: Mapping[Node, Node], joined: Mapping[Node, Node]
) -> dict[Node, Node]:
    """Of every node the one it belongs to directly; the roots, which stand for themselves, have no entry.

    Args:
        claims: the winning claim of each identifier, and of each aliased user id.
        homes: identifiers and the records that were made for them.
        joined: nodes merged by hand, and into which.
    """
    counting = within_limits(claims)
    parents = {node: claim.holder for node, claim in claims.items() if node in counting}
    for node, record in homes.items():
        if node in parents:
            parents[record] = parents[node]
        else:
            parents[node] = record
    parents.update(joined)
    cut_cycles(parents)
    return parents


def cut_cycles(parents: dict[Node, Node]) -> None:
    """Make the smallest node of each cycle a root, in place (user ids come before records before other identifiers)."""
    finished: set[Node] = set()
    for start in list(parents):
        path: dict[Node, None] = {}
        node = start
        while node in parents and node not in finished and node not in path:
            path[node] = None
            node = parents[node]
        if node in path:
            nodes = list(path)
            cycle = nodes[nodes.index(node) :]
            del parents[min(cycle, key=lambda each: (PRIORITY[each[0]], each[1]))]
        finished.update(path)


def root_of(node: Node, parents: Mapping[Node, Node]) -> Node:
    """Who the node belongs to in the end."""
    while node in parents:
        node = parents[node]
    return node


def roots_of(nodes: Iterable[Node], parents: Mapping[Node, Node]) -> dict[Node, Node]:
    """The root of each node."""
    return {node: root_of(node, parents) for node in nodes}
