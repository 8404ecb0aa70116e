"""Reading maps laid out by hand: a grid of stickies, a list of them, or lines of text. Pure.

A grid has its stages and steps in the first rows and a lane on each row after; a list has a row a sticky with columns
such as stage, step, lane and text; in lines a sticky is "lane: text", and "# Name" and "## Name" begin a stage and a
step. What cannot be read is refused row by row with the reason; the rest is taken.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.translation import gettext as _

from apps.journeys.content import (
    BELIEF_HIGH,
    BELIEF_LOW,
    CARD_LENGTH,
    DURATION_LENGTH,
    LANE_LENGTH,
    NAME_LENGTH,
    TOUCHPOINT_KEY,
    lane_key,
)
from cxm.api.parsers import refuse_depth
from cxm.spreadsheets import FORMULA_STARTS

EVIDENCE_MARKS: Final = {"assumption": "assumption", "some data": "some", "measured": "measured"}
MOST_REFUSED: Final = 500
MOST_ROWS: Final = 10_000
MOST_COLUMNS: Final = 400

_STAGE = frozenset({"stage", "stages", "phase", "phases", "stage_phase", "frame", "area", "section"})
_STEP = frozenset({"step", "steps", "column", "moment"})
_DURATION = frozenset({"duration", "durations", "time"})
_MOMENT = frozenset({"moment_of_truth", "moments_of_truth"})
_EVIDENCE = frozenset({"evidence", "evidence_level"})
_BELIEF = frozenset({"belief", "team_view", "team_s_view", "the_team_s_view", "emotion_curve"})
_REVIEW = frozenset({"review_date", "review"})
_TOUCHPOINTS = frozenset({"touchpoint", "touchpoints"})
_LANE = frozenset({"lane", "lanes", "row", "swimlane", "kind", "type", "category", "colour", "color", "bg_color"})
_TEXT = frozenset({"text", "sticky", "note", "card", "content", "description", "title"})
_KEY = frozenset({"touchpoint_key", "key"})

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_EVIDENCE_MARK = re.compile(r"\s*\[(assumption|some data|measured)\]$", re.IGNORECASE)
_KEY_MARK = re.compile(r"\s*\[([a-z0-9_-]{1,64})\]$")
_LANE_LINE = re.compile(r"([^:\n]{1,40}):\s+(\S.*)", re.DOTALL)
_BULLET = re.compile(r"^\s*(?:[-*•–]|\d{1,3}[.)])\s+")
_NOT_WORD = re.compile(r"[^\w]+")
_YES = frozenset({"yes", "true", "1", "x", "y", "ja", "oui", "✓"})
_NO = frozenset({"", "no", "false", "0", "n", "-"})


@dataclass(frozen=True, slots=True)
class Refused:
    """Something that was not taken: where it stands, what it says, and why."""

    where: str
    text: str
    reason: str


@dataclass(slots=True)
class ReadMap:
    """A map as it was read. Lanes are named as they were written; touchpoints by key or name.

    Each stage is ``{"name", "duration", "steps"}`` and each step as in an API body, but its ``touchpoints`` are
    ``{"key", "name"}``. ``lanes`` counts the cards under each name a lane was given.
    """

    source: str
    name: str = ""
    stages: list[dict[str, Any]] = field(default_factory=list)
    lanes: dict[str, int] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    library: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def steps(self) -> list[dict[str, Any]]:
        """All steps in order."""
        return [step for stage in self.stages for step in stage["steps"]]

    @property
    def cards(self) -> int:
        """How many cards were read."""
        return sum(len(step["cards"]) for step in self.steps)

    @property
    def references(self) -> list[tuple[str, str]]:
        """(key, name) of every touchpoint named, each once."""
        named = [(ref["key"], ref["name"]) for step in self.steps for ref in step["touchpoints"]]
        return list(dict.fromkeys(named))

    def refuse(self, where: str, text: object, reason: str) -> None:
        """Note what is not taken; after MOST_REFUSED only that there is more."""
        if len(self.refused) < MOST_REFUSED:
            self.refused.append(Refused(where, " ".join(str(text).split())[:120], reason))

    def stage(self, name: str) -> dict[str, Any]:
        """A new stage at the end."""
        stage: dict[str, Any] = {"name": name, "duration": "", "steps": []}
        self.stages.append(stage)
        return stage


def new_step(name: str) -> dict[str, Any]:
    """A step as an API body has it, with nothing on it."""
    return {
        "name": name,
        "belief": None,
        "moment_of_truth": False,
        "evidence": "",
        "review_date": None,
        "touchpoints": [],
        "cards": [],
    }


def read_text(text: str) -> ReadMap:
    """Pasted text: cells between tabs are a table, everything else is lines."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    if "\t" in text:
        return read_table(list(csv.reader(io.StringIO(text), delimiter="\t")))
    return _read_lines(text.split("\n"))


def read_table(rows: Sequence[Sequence[str]]) -> ReadMap:
    """A table: a list of stickies when its heading says so, else a grid."""
    cells = [[_cell(cell) for cell in row[: MOST_COLUMNS + 1]] for row in rows[: MOST_ROWS + 1]]
    heading = {_slug(cell) for cell in (cells[0] if cells else [])}
    if heading & _TEXT and heading & (_LANE | _STEP | _STAGE):
        return _read_list(cells)
    return _read_grid(cells)


def _cell(value: object) -> str:
    """A cell as text, without the apostrophe that keeps a spreadsheet from running it."""
    text = str(value).replace("\r\n", "\n").replace("\r", "\n").strip()
    return text[1:] if text.startswith("'") and text[1:].lstrip(" \u00a0\u3000").startswith(FORMULA_STARTS) else text


def _slug(text: str) -> str:
    return _NOT_WORD.sub("_", text.strip().lower()).strip("_")


# -- a grid ------------------------------------------------------------------------------------------------------------


def _read_grid(rows: list[list[str]]) -> ReadMap:
    found = ReadMap("grid")
    numbered = [(number, row) for number, row in enumerate(rows, start=1) if any(row)]
    if len(rows) > MOST_ROWS:
        found.refuse(_("row %(row)d") % {"row": MOST_ROWS + 1}, "", _("Only the first 10,000 rows are read."))
    if not numbered:
        return found
    head_number, head = numbered[0]
    body = numbered[1:]
    step_row: list[str] | None = None
    if _slug(head[0]) in _STEP:
        step_row = head
    elif body and _slug(body[0][1][0]) in _STEP:
        step_row = body.pop(0)[1]
    columns = _columns(found, head_number, head, step_row, max(len(row) for _number, row in numbered))
    lane = ""
    for number, row in body:
        label = row[0]
        lane = label or lane
        kind = _slug(lane)
        for at, cell in enumerate(row[1:], start=1):
            if not cell:
                continue
            where = _("row %(row)d, column %(column)d") % {"row": number, "column": at + 1}
            column = columns.get(at)
            if column is None:
                found.refuse(where, cell, _("There is no stage above this column."))
            else:
                _take_cell(found, column, kind, lane, cell, where)
    return found


def _columns(
    found: ReadMap, number: int, head: list[str], step_row: list[str] | None, width: int
) -> dict[int, tuple[dict[str, Any], dict[str, Any]]]:
    """The stage and the step under each column, from the heading: an empty cell continues the stage before it."""
    columns: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {}
    stage: dict[str, Any] | None = None
    for at in range(1, width):
        stage_name = head[at] if at < len(head) and head is not step_row else ""
        step_name = step_row[at] if step_row is not None and at < len(step_row) else ""
        if head is step_row:
            stage_name = step_name
        where = _("row %(row)d, column %(column)d") % {"row": number, "column": at + 1}
        if not stage_name and not step_name:
            continue
        stage_name, step_name = _name(found, stage_name, where), _name(found, step_name, where)
        if stage_name and (stage is None or stage["name"] != stage_name):
            stage = found.stage(stage_name)
        if stage is None:
            found.refuse(where, step_name, _("There is no stage above this step."))
            continue
        if not step_name:
            count = len(stage["steps"])
            step_name = stage["name"] if count == 0 else f"{stage['name'][: NAME_LENGTH - 4]} {count + 1}"
        step = new_step(step_name)
        stage["steps"].append(step)
        columns[at] = (stage, step)
    return columns


def _name(found: ReadMap, text: str, where: str) -> str:
    """A name of a stage or step that can be kept; a longer one is cut, and that is said."""
    text = " ".join(_UNSTORABLE.sub("", text).split())
    if len(text) > NAME_LENGTH:
        found.refuse(where, text, _("The name is cut: it has more than %(limit)d characters.") % {"limit": NAME_LENGTH})
        return text[:NAME_LENGTH].rstrip()
    return text


def _take_cell(
    found: ReadMap, column: tuple[dict[str, Any], dict[str, Any]], kind: str, lane: str, cell: str, where: str
) -> None:
    stage, step = column
    if kind in _TOUCHPOINTS:
        for line in _lines_of(cell):
            _take_touchpoint(found, step, line, where)
    elif kind in _BELIEF:
        _take_belief(found, step, cell, where)
    elif kind in _DURATION:
        if len(cell) > DURATION_LENGTH or _UNSTORABLE.search(cell):
            found.refuse(where, cell, _("A duration has at most %(limit)d characters.") % {"limit": DURATION_LENGTH})
        else:
            stage["duration"] = cell
    elif kind in _MOMENT:
        if cell.lower() in _YES | _NO:
            step["moment_of_truth"] = cell.lower() in _YES
        else:
            found.refuse(where, cell, _("Write yes or no."))
    elif kind in _EVIDENCE:
        _take_evidence(found, step, cell, where)
    elif kind in _REVIEW:
        step["review_date"] = cell[:10]
    else:
        for line in _lines_of(cell):
            _take_card(found, step, lane, line, where)


def _lines_of(cell: str) -> list[str]:
    return [line.strip() for line in cell.split("\n") if line.strip()]


def _take_belief(found: ReadMap, step: dict[str, Any], cell: str, where: str) -> None:
    try:
        value = float(cell.replace(",", ".").replace("−", "-"))
    except ValueError:
        value = float("nan")
    if BELIEF_LOW <= value <= BELIEF_HIGH:
        step["belief"] = value
    else:
        found.refuse(where, cell, _("The team's view is a number from -2 to 2."))


def _take_evidence(found: ReadMap, step: dict[str, Any], cell: str, where: str) -> None:
    mark = EVIDENCE_MARKS.get(cell.lower())
    if mark is None:
        found.refuse(where, cell, _("Evidence is one of: %(known)s.") % {"known": ", ".join(EVIDENCE_MARKS)})
    else:
        step["evidence"] = mark


def _take_touchpoint(found: ReadMap, step: dict[str, Any], text: str, where: str) -> None:
    mark = _KEY_MARK.search(text)
    key, name = (mark[1], text[: mark.start()].strip()) if mark else ("", text)
    if _UNSTORABLE.search(name) or len(name) > NAME_LENGTH:
        found.refuse(where, text, _("A touchpoint's name has at most %(limit)d characters.") % {"limit": NAME_LENGTH})
        return
    reference = {"key": key, "name": name or key}
    if reference in step["touchpoints"]:
        found.refuse(where, text, _("This touchpoint stands on the step already."))
    else:
        step["touchpoints"].append(reference)


def _take_card(found: ReadMap, step: dict[str, Any], lane: str, text: str, where: str, evidence: str = "") -> None:
    mark = _EVIDENCE_MARK.search(text)
    if mark and not evidence:
        evidence, text = EVIDENCE_MARKS[mark[1].lower()], text[: mark.start()].strip()
    if not text:
        found.refuse(where, text, _("The card is empty."))
    elif _UNSTORABLE.search(text):
        found.refuse(where, text, _("Holds characters that cannot be stored."))
    elif len(text) > CARD_LENGTH:
        words = _("Is %(length)d characters long; a card takes %(limit)d.")
        found.refuse(where, text, words % {"length": len(text), "limit": CARD_LENGTH})
    elif len(lane) > LANE_LENGTH or _UNSTORABLE.search(lane) or (lane and not lane_key(lane)):
        found.refuse(where, text, _("The lane's name must have letters, at most %(limit)d.") % {"limit": LANE_LENGTH})
    else:
        step["cards"].append({"lane": lane, "text": text, "evidence": evidence or "assumption"})
        found.lanes[lane] = found.lanes.get(lane, 0) + 1


# -- a list ------------------------------------------------------------------------------------------------------------


def _read_list(rows: list[list[str]]) -> ReadMap:
    found = ReadMap("list")
    at = _heading(rows[0])
    if len(rows) > MOST_ROWS:
        found.refuse(_("row %(row)d") % {"row": MOST_ROWS + 1}, "", _("Only the first 10,000 rows are read."))
    stages: dict[str, dict[str, Any]] = {}
    steps: dict[tuple[str, str], dict[str, Any]] = {}
    stage_name = step_name = ""
    for number, row in enumerate(rows[1:], start=2):
        if not any(row):
            continue
        where = _("row %(row)d") % {"row": number}

        def value(name: str, row: list[str] = row) -> str:
            column = at.get(name)
            return row[column] if column is not None and column < len(row) else ""

        given_stage = _name(found, value("stage"), where)
        given_step = _name(found, value("step"), where)
        if given_stage:
            stage_name, step_name = given_stage, given_step or given_stage
        elif given_step:
            step_name = given_step
            stage_name = stage_name if "stage" in at and stage_name else given_step
        if not stage_name:
            stage_name = step_name = _("Unsorted")
        stage = stages.get(stage_name) or stages.setdefault(stage_name, found.stage(stage_name))
        step = steps.get((stage_name, step_name))
        if step is None:
            step = steps[stage_name, step_name] = new_step(step_name)
            stage["steps"].append(step)
        _take_row(found, stage, step, value, where)
    return found


def _heading(heading: list[str]) -> dict[str, int]:
    """Which column holds what; of several that could, the first."""
    known = {
        "stage": _STAGE,
        "step": _STEP,
        "lane": _LANE,
        "text": _TEXT,
        "evidence": _EVIDENCE,
        "key": _KEY,
        "duration": _DURATION,
        "belief": _BELIEF,
        "moment": _MOMENT,
        "review": _REVIEW,
    }
    found: dict[str, int] = {}
    for column, title in enumerate(heading):
        for name, titles in known.items():
            if _slug(title) in titles:
                found.setdefault(name, column)
                break
    return found


def _take_row(found: ReadMap, stage: dict[str, Any], step: dict[str, Any], value: Any, where: str) -> None:
    lane, text = value("lane"), " ".join(value("text").split())
    column = (stage, step)
    for name, kind in (("duration", "duration"), ("belief", "belief"), ("moment", "moment_of_truth")):
        if value(name):
            _take_cell(found, column, kind, "", value(name), where)
    if value("review"):
        step["review_date"] = value("review")[:10]
    if _slug(lane) in _TOUCHPOINTS:
        key = value("key") if TOUCHPOINT_KEY.fullmatch(value("key")) else ""
        if text or key:
            _take_touchpoint(found, step, f"{text} [{key}]" if key else text, where)
        return
    if not text:
        if not lane and value("evidence"):
            _take_evidence(found, step, value("evidence"), where)
        elif lane:
            found.refuse(where, lane, _("The card is empty."))
        return
    evidence = EVIDENCE_MARKS.get(value("evidence").lower(), "")
    if value("evidence") and not evidence:
        known = ", ".join(EVIDENCE_MARKS)
        found.refuse(where, text, _("Evidence is one of: %(known)s.") % {"known": known})
        return
    _take_card(found, step, lane, text, where, evidence)


# -- lines -------------------------------------------------------------------------------------------------------------


def _read_lines(lines: Iterable[str]) -> ReadMap:
    found = ReadMap("lines")
    stage: dict[str, Any] | None = None
    step: dict[str, Any] | None = None
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text:
            continue
        where = _("line %(line)d") % {"line": number}
        if number > MOST_ROWS:
            found.refuse(where, "", _("Only the first 10,000 rows are read."))
            break
        begins, name = _begins(text)
        if begins == "stage":
            stage, step = found.stage(_name(found, name, where)), None
            continue
        if stage is None:
            stage = found.stage(_("Unsorted"))
        if begins == "step":
            step = new_step(_name(found, name, where))
            stage["steps"].append(step)
            continue
        if step is None:
            step = new_step(stage["name"])
            stage["steps"].append(step)
        plain = _BULLET.sub("", text)
        match = _LANE_LINE.fullmatch(plain)
        lane, said = (match[1].strip(), match[2].strip()) if match else ("", plain)
        if _slug(lane) in _TOUCHPOINTS:
            _take_touchpoint(found, step, said, where)
        else:
            _take_card(found, step, lane, said, where)
    for each in found.stages:
        if not each["steps"]:
            each["steps"].append(new_step(each["name"]))
    return found


def _begins(text: str) -> tuple[str, str]:
    """Whether a line begins a stage or a step, and its name."""
    for sign, kind in (("## ", "step"), ("# ", "stage")):
        if text.startswith(sign) and text[len(sign) :].strip():
            return kind, text[len(sign) :].strip()
    match = _LANE_LINE.fullmatch(text)
    if match and _slug(match[1]) in {"stage", "phase"}:
        return "stage", match[2].strip()
    if match and _slug(match[1]) == "step":
        return "step", match[2].strip()
    return "", ""


# -- between two pages -------------------------------------------------------------------------------------------------


def to_source(read: ReadMap) -> str:
    """What was read, as a hidden field carries it from the preview to the taking."""
    kept = {name: getattr(read, name) for name in ("source", "name", "stages", "lanes", "facts", "library")}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))


def from_source(text: str) -> ReadMap:
    """What :func:`to_source` gave, of the shape that was given. Its content is checked again when it is taken.

    Raises ValueError for anything else.
    """
    refuse_depth(text.encode("utf-8", "replace"))
    raw = json.loads(text)
    found = ReadMap(
        source=_of(raw["source"], str),
        name=_of(raw["name"], str),
        lanes={_of(lane, str): _of(count, int) for lane, count in _of(raw["lanes"], dict).items()},
        facts=_of(raw["facts"], dict),
        library={key: _of(facts, dict) for key, facts in _of(raw["library"], dict).items()},
    )
    for stage in _of(raw["stages"], list):
        steps = []
        for step in _of(_of(stage, dict)["steps"], list):
            references = [
                {"key": _of(ref["key"], str), "name": _of(ref["name"], str)} for ref in _of(step["touchpoints"], list)
            ]
            cards = [
                {**_of(card, dict), "lane": _of(card["lane"], str), "image": _of(card.get("image", ""), str)}
                for card in _of(step["cards"], list)
            ]
            steps.append({**_of(step, dict), "touchpoints": references, "cards": cards})
        found.stages.append({**stage, "steps": steps})
    return found


def _of(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"not a {kind.__name__}")
    return value
