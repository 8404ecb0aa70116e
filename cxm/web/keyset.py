"""Pages of a long list by position: the next page starts after the last row of this one, whatever its depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from django.db.models import F, Q, QuerySet
from django.http import HttpRequest

from cxm.api.cursors import after, decode_cursor, encode_cursor, value_of
from cxm.api.problems import BadBody

Direction = Literal["after", "before"]


@dataclass(frozen=True, slots=True)
class KeysetPage:
    """Rows of one page, and the addresses of its neighbours ("" for none). `{% cx_pager page %}` draws it."""

    object_list: list[Any]
    next_url: str
    previous_url: str


def keyset_page(request: HttpRequest, rows: QuerySet[Any], *, column: str, descending: bool, size: int) -> KeysetPage:
    """The page that `?cursor=` names, of rows ordered by a column and then by id. One query.

    A cursor that is not one of this list and order means the first page.
    """
    purpose = f"{request.path}?{'-' if descending else ''}{column}"
    direction, position = read_cursor(request, rows, purpose, column, descending)
    if position is not None:
        rows = rows.filter(position)
    backwards = direction == "before"
    downwards = descending != backwards
    keys = [F(column), F("id")]
    found = list(rows.order_by(*(key.desc() if downwards else key.asc() for key in keys))[: size + 1])
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    follows, precedes = (True, more) if backwards else (more, position is not None)
    return KeysetPage(
        object_list=found,
        next_url=address(request, "after", purpose, column, found[-1]) if found and follows else "",
        previous_url=address(request, "before", purpose, column, found[0]) if found and precedes else "",
    )


def read_cursor(
    request: HttpRequest, rows: QuerySet[Any], purpose: str, column: str, descending: bool
) -> tuple[Direction, Q | None]:
    """Which way the page lies, and the condition for the rows beyond the position; None for the first page."""
    text = request.GET.get("cursor", "")
    try:
        which, *position = decode_cursor(purpose, text) if text else ["after"]
        if not position or which not in ("after", "before"):
            return "after", None
        direction: Direction = "before" if which == "before" else "after"
        return direction, after(rows, column, descending != (direction == "before"), position)
    except BadBody:
        return "after", None


def address(request: HttpRequest, direction: Direction, purpose: str, column: str, row: Any) -> str:
    """The query string of this page with another position."""
    query = request.GET.copy()
    query.pop("page", None)
    query["cursor"] = encode_cursor(purpose, [direction, value_of(row, column), row.pk])
    return f"?{query.urlencode()}"
