"""Maps in and out of files: JSON without loss, and tables as somebody would lay stickies. Pure.

The JSON is the map as the API gives it, with the touchpoints it names, so that it can be read elsewhere.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from django.utils.translation import gettext as _

from apps.journeys.content import (
    EVIDENCE,
    StepContent,
    iter_steps,
    lane_key,
    lane_title,
    lanes_of,
    read_lanes,
    read_stages,
)
from apps.journeys.queries import MapView
from apps.journeys.stickies import EVIDENCE_MARKS, ReadMap, read_table, read_text
from cxm.api.parsers import parse_json
from cxm.api.problems import BadBody
from cxm.errors import DomainError
from cxm.workbooks import BREAKAGES, read_rows

FORMAT: Final = "cxm-journey-map"
FORMAT_VERSION: Final = 1
MOST_BYTES: Final = 4 * 1024 * 1024
"""Of a file or a pasted text."""
MOST_UNPACKED: Final = 64 * 1024 * 1024
LANE_FOR_NONE: Final = "actions"
_MARK_OF = {kind: mark for mark, kind in EVIDENCE_MARKS.items()}
_WORKBOOK = b"PK\x03\x04"

LONG_COLUMNS: Final = (
    "stage",
    "step",
    "lane",
    "text",
    "evidence",
    "touchpoint_key",
    "duration",
    "belief",
    "moment_of_truth",
    "review_date",
)


# -- out ---------------------------------------------------------------------------------------------------------------


def as_json(view: MapView, *, persona_name: str = "") -> dict[str, Any]:
    """A map as a JSON object that :func:`read_file` takes back without loss."""
    content = view.content
    named = {
        key: view.touchpoints[key]
        for step in iter_steps(content["stages"])
        for key in step["touchpoints"]
        if key in view.touchpoints
    }
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "version": view.number,
        "name": content["name"],
        "kind": content["kind"],
        "metric": content["metric"],
        "persona": {"id": content["persona"], "name": persona_name} if content["persona"] else None,
        "lanes": content["lanes"],
        "stages": content["stages"],
        "touchpoints": [
            {
                "key": row.key,
                "name": row.name,
                "channel": row.channel,
                "description": row.description,
                "event_match": row.event_match,
            }
            for row in named.values()
        ],
    }


def grid_rows(view: MapView) -> Iterator[list[object]]:
    """A column a step and a row a lane; a lane with several cards on a step takes several rows."""
    content = view.content
    none: list[StepContent | None] = [None]
    columns = [(stage, step) for stage in content["stages"] for step in (stage["steps"] or none)]
    steps = [step for _stage, step in columns]
    yield ["Stage", *(stage["name"] for stage, _step in columns)]
    yield ["Step", *(step["name"] if step else "" for step in steps)]
    if any(stage["duration"] for stage in content["stages"]):
        yield ["Duration", *(stage["duration"] for stage, _step in columns)]
    if any(step and step["moment_of_truth"] for step in steps):
        yield ["Moment of truth", *("yes" if step and step["moment_of_truth"] else "" for step in steps)]
    if any(step and step["evidence"] for step in steps):
        yield ["Evidence", *(_MARK_OF[step["evidence"]] if step and step["evidence"] else "" for step in steps)]
    if any(step and step["review_date"] for step in steps):
        yield ["Review date", *((step["review_date"] or "") if step else "" for step in steps)]
    if any(step and step["belief"] is not None for step in steps):
        yield ["Belief", *(step["belief"] if step and step["belief"] is not None else "" for step in steps)]
    yield [
        "Touchpoints",
        *("\n".join(_place(view, key) for key in step["touchpoints"]) if step else "" for step in steps),
    ]
    for key in lanes_of(content["stages"], content["lanes"]):
        cells = [[card for card in step["cards"] if lane_key(card["lane"]) == key] if step else [] for step in steps]
        for at in range(max(map(len, cells), default=0) or 1):
            title = lane_title(key, content["lanes"]) if at == 0 else ""
            yield [title, *(_sticky(cards[at]) if at < len(cards) else "" for cards in cells)]


def list_rows(view: MapView) -> Iterator[list[object]]:
    """A row a card or touchpoint, under a heading; a step with nothing on it has one row."""
    content = view.content
    yield list(LONG_COLUMNS)
    for stage in content["stages"]:
        for step in stage["steps"]:
            facts: list[object] = [
                stage["duration"],
                step["belief"] if step["belief"] is not None else "",
                "yes" if step["moment_of_truth"] else "",
                step["review_date"] or "",
            ]
            where = [stage["name"], step["name"]]
            yield [*where, "", "", _MARK_OF.get(step["evidence"], ""), "", *facts]
            for key in step["touchpoints"]:
                name = view.touchpoints[key].name if key in view.touchpoints else key
                yield [*where, "touchpoints", name, "", key, "", "", "", ""]
            for card in step["cards"]:
                title = lane_title(card["lane"], content["lanes"])
                yield [*where, title, _flat(card["text"]), _MARK_OF[card["evidence"]], "", "", "", "", ""]


def _place(view: MapView, key: str) -> str:
    return f"{view.touchpoints[key].name} [{key}]" if key in view.touchpoints else f"[{key}]"


def _flat(text: str) -> str:
    return " ".join(text.split())


def _sticky(card: Mapping[str, Any]) -> str:
    """A card in a cell of a grid: its text, and how well it is backed where that is more than an assumption."""
    text = _flat(card["text"])
    marked = any(text.lower().endswith(f"[{mark}]") for mark in EVIDENCE_MARKS)
    if card["evidence"] == EVIDENCE[0] and not marked:
        return text
    return f"{text} [{_MARK_OF[card['evidence']]}]"


# -- in ----------------------------------------------------------------------------------------------------------------


def read_file(path: Path, filename: str) -> ReadMap:
    """A map from a JSON, CSV or XLSX file, whatever it is called. Raises DomainError for what is none of them."""
    size = path.stat().st_size
    if size == 0:
        raise DomainError(_("The file is empty."), field="file", code="empty")
    if size > MOST_BYTES:
        raise DomainError(_("The file is larger than 4 MB: no map needs that."), field="file", code="too_large")
    raw = path.read_bytes()
    found = _read_workbook(path) if raw.startswith(_WORKBOOK) else _read_plain(raw)
    found.name = found.name or Path(filename).stem.replace("_", " ").strip()[:120]
    return found


def read_pasted(text: object) -> ReadMap:
    """A map from pasted text: a table's cells, lines, or JSON. Raises DomainError."""
    if not isinstance(text, str) or not text.strip():
        raise DomainError(_("Paste some text, or choose a file."), field="text", code="required")
    if len(text) > MOST_BYTES:
        raise DomainError(_("The text is longer than four million characters."), field="text", code="too_large")
    return _read_json(text.encode("utf-8", "replace"), "text") if text.lstrip().startswith("{") else read_text(text)


def read_document(body: object) -> ReadMap:
    """A map from JSON that was parsed already: our own export, or the body of `POST journeys/`."""
    if not isinstance(body, Mapping):
        raise DomainError(_("The JSON must be one object with stages."), field="file", code="invalid")
    if body.get("format") not in (None, FORMAT):
        raise DomainError(_("This is JSON of another program."), field="format", code="invalid")
    if body.get("format_version") not in (None, FORMAT_VERSION):
        raise DomainError(_("This file is from a newer release than this one."), field="format_version", code="invalid")
    found = ReadMap("json")
    stages = read_stages(body.get("stages"))
    found.facts = {
        "lanes": read_lanes(body.get("lanes")),
        **{name: body[name] for name in ("kind", "metric") if body.get(name) is not None},
    }
    persona = body.get("persona")
    found.facts["persona"] = persona if isinstance(persona, Mapping) else {"id": persona} if persona else None
    name = body.get("name")
    found.name = name.strip()[:120] if isinstance(name, str) else ""
    for entry in body.get("touchpoints") or []:
        if isinstance(entry, Mapping) and isinstance(entry.get("key"), str):
            found.library[entry["key"]] = dict(entry)
    for stage in stages:
        copied: dict[str, Any] = {**stage, "steps": []}
        for step in stage["steps"]:
            references = [{"key": key, "name": _library_name(found, key)} for key in step["touchpoints"]]
            copied["steps"].append({**step, "touchpoints": references})
            for card in step["cards"]:
                found.lanes[card["lane"]] = found.lanes.get(card["lane"], 0) + 1
        found.stages.append(copied)
    return found


def _library_name(found: ReadMap, key: str) -> str:
    name = found.library.get(key, {}).get("name")
    return name if isinstance(name, str) and name.strip() else key


def _read_plain(raw: bytes) -> ReadMap:
    if raw.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return _read_json(raw.lstrip(b"\xef\xbb\xbf"), "file")
    text = _decoded(raw)
    if "\x00" in text:
        raise DomainError(_("This is no table. Choose a JSON, CSV or XLSX file."), field="file", code="unreadable_file")
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t|", key=first.count)
    if not first.count(delimiter):
        return read_text(text)
    try:
        return read_table(list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)))
    except csv.Error as error:
        message = _("The file cannot be read as CSV: %(reason)s.") % {"reason": error}
        raise DomainError(message, field="file", code="unreadable_file") from error


def _decoded(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def _read_json(raw: bytes, field: str) -> ReadMap:
    try:
        body = parse_json(raw)
    except BadBody as error:
        message = _("The JSON cannot be read: %(reason)s") % {"reason": error.errors[0]["message"]}
        raise DomainError(message, field=field, code="unreadable_file") from error
    return read_document(body)


def _read_workbook(path: Path) -> ReadMap:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_UNPACKED:
                raise DomainError(_("The workbook is too large when unpacked."), field="file", code="too_large")
        rows: list[Sequence[str]] = []
        for number, cells in read_rows(path):
            if number > 20_000:
                break
            rows += [[] for _gap in range(number - len(rows) - 1)]
            rows.append(cells)
    except BREAKAGES as error:
        message = _("The workbook cannot be read. Save it again as .xlsx or .csv.")
        raise DomainError(message, field="file", code="unreadable_file") from error
    return read_table(rows)


def as_text(value: Mapping[str, Any]) -> str:
    """JSON as a file holds it."""
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
