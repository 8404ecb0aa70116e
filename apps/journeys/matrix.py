"""A map as a matrix: a row for each step, what is known of it in columns, to be sorted and narrowed. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.journeys.board import Board, Column, Note, StageHead
from apps.journeys.live import Chip

NARROWED = {
    "": _("All steps"),
    "pains": _("With pain points"),
    "unmeasured": _("Not measured"),
    "moments": _("Moments of truth"),
    "unbacked": _("Without data behind them"),
    "overdue": _("Review overdue"),
}


@dataclass(frozen=True)
class MatrixOrder:
    """How a matrix is sorted (`-` before the name: downwards; "" as on the map) and narrowed."""

    sort: str = ""
    only: str = ""


@dataclass(frozen=True)
class MatrixRow:
    """A step: its stage, its cards by lane in the order of the matrix's lanes, and its worst usable score."""

    stage: StageHead
    step: Column
    place: int
    cells: list[list[Note]]
    pains: int
    worst: Chip | None

    @property
    def cards(self) -> int:
        """All cards of the step."""
        return sum(len(cell) for cell in self.cells)


@dataclass(frozen=True)
class Matrix:
    """The rows shown, of how many, under which lanes."""

    rows: list[MatrixRow]
    total: int
    lanes: list[tuple[str, str]]
    order: MatrixOrder
    choices: list[tuple[str, Any]]


def read_matrix_order(params: Mapping[str, Any]) -> MatrixOrder:
    """`sort` and `only` of a query string; what is not known counts as not given."""
    sort, only = str(params.get("sort", "")), str(params.get("only", ""))
    known = sort.removeprefix("-") in SORTS or sort.removeprefix("-").startswith("lane-")
    return MatrixOrder(sort if known else "", only if only in NARROWED else "")


def build_matrix(board: Board, order: MatrixOrder) -> Matrix:
    """Lay out a board's steps as rows. Rows that cannot be compared (no score, no belief) stand last either way."""
    rows: list[MatrixRow] = []
    notes = {lane.key: {column.id: found for column, found in lane.cells} for lane in board.lanes}
    for stage in board.stages:
        for step in stage.columns:
            if step.id:
                cells = [notes[lane.key][step.id] for lane in board.lanes]
                pains = len(notes.get("pain_points", {}).get(step.id, []))
                rows.append(MatrixRow(stage, step, len(rows), cells, pains, step.live.worst))
    shown = [row for row in rows if _kept(row, order.only)]
    lanes = [(lane.key, lane.title) for lane in board.lanes]
    choices = list(NARROWED.items())
    return Matrix(_sorted(shown, order.sort, [key for key, _title in lanes]), len(rows), lanes, order, choices)


def _kept(row: MatrixRow, only: str) -> bool:
    match only:
        case "pains":
            return row.pains > 0
        case "unmeasured":
            return row.worst is None
        case "moments":
            return row.step.moment_of_truth
        case "unbacked":
            return row.step.evidence in ("", "assumption")
        case "overdue":
            return row.step.overdue
    return True


SORTS: dict[str, Callable[[MatrixRow], Any]] = {
    "step": lambda row: row.step.name.casefold(),
    "score": lambda row: row.worst.metric.value if row.worst and row.worst.metric else None,
    "belief": lambda row: row.step.belief,
    "evidence": lambda row: ("", "assumption", "some", "measured").index(row.step.evidence),
    "touchpoints": lambda row: len(row.step.places),
    "owner": lambda row: row.step.owner.name.casefold() if row.step.owner else None,
    "review": lambda row: row.step.review_date or None,
}


def _sorted(rows: list[MatrixRow], sort: str, lanes: list[str]) -> list[MatrixRow]:
    name = sort.removeprefix("-")
    if name.startswith("lane-"):
        key = name.removeprefix("lane-")
        if key not in lanes:
            return rows
        value: Callable[[MatrixRow], Any] = _cards_in(lanes.index(key))
    elif name in SORTS:
        value = SORTS[name]
    else:
        return rows
    known = [row for row in rows if value(row) is not None]
    return sorted(known, key=value, reverse=sort.startswith("-")) + [row for row in rows if value(row) is None]


def _cards_in(lane: int) -> Callable[[MatrixRow], int]:
    """How many cards a row has in the lane at this place."""
    return lambda row: len(row.cells[lane])
