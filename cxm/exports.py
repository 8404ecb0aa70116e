"""What can be exported: a registry that apps fill in their ``wiring``; ``apps.imports`` writes the files.

A kind of export is exactly what a list shows: its filters are those of the list's query string.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from cxm.actor import Actor

Rows = Iterator[Sequence[object]]


@dataclass(frozen=True, slots=True)
class ExportKind:
    """One thing that can be exported: its heading, and its rows under a filter.

    Both callables get (actor, organization, query). ``check`` raises DomainError for filters that are wrong, before a
    job is made; ``rows`` reads in chunks, inside a transaction, and gives as many cells as there are ``columns``.
    ``count`` says how many rows there will be, where that is cheap to know: without it, progress has no percent.
    """

    name: str
    permission: str
    columns: tuple[str, ...]
    check: Callable[[Actor, Any, QueryDict], None]
    rows: Callable[[Actor, Any, QueryDict], Rows]
    count: Callable[[Actor, Any, QueryDict], int] | None = None


_kinds: dict[str, ExportKind] = {}


def register_export(kind: ExportKind) -> None:
    """Add a kind of export; the same name again replaces it."""
    _kinds[kind.name] = kind


def export_kinds() -> dict[str, ExportKind]:
    """All kinds by name."""
    return dict(sorted(_kinds.items()))
