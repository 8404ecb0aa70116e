"""The rule of a segment as a form: rows of inputs that people fill in, in both directions. Pure: reads no row.

A group or condition has a path ("r" is the whole rule, "r-0" its first part, "r-0-2" the third part of that), and every
input is named "<path>.<field>"; conditions on the properties of an event are "<path>.a-0.property". So a plain form
can be read back (`draft_from_post`), changed by a button (`change_draft`: add, remove), shown again (`rows_of`), and
turned into the documented tree (`Draft.as_json`), whose errors find their way back to the input they belong to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from apps.segments.rule import LISTED, MAX_DEPTH, MAX_LEAVES, MODES, PRESENCE, RELATIVE
from cxm.errors import FieldError

KINDS = (
    "attribute",
    "field",
    "event",
    "sequence",
    "answer",
    "segment",
    "consent",
    "bucket",
    "account_attribute",
)
MOST_ROWS = 40
"""Conditions that the form can show; a larger rule is edited as JSON."""
MOST_CONDITIONS = 20

_INPUT = re.compile(r"(r(?:-\d{1,3})*)\.(?:([ab])-(\d{1,2})\.)?([a-z_]{1,20})")
_PATH = re.compile(r"r(?:-\d{1,3})*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,9})?")
_ITEM = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^,]*)\s*(?:,|$)')
_PLACES = {
    "attribute": "name",
    "account_attribute": "name",
    "field": "name",
    "event": "a_event",
    "channel": "a_channel",
    "count.op": "count_op",
    "count.value": "count",
    "within": "window",
    "within.days": "days",
    "within.from": "from",
    "within.to": "to",
    "sequence.0.event": "a_event",
    "sequence.1.event": "b_event",
    "sequence.0.channel": "a_channel",
    "sequence.1.channel": "b_channel",
    "within_days": "within_days",
    "answer": "metric",
    "answer.metric": "metric",
    "answer.survey": "survey",
    "answer.touchpoint": "touchpoint",
    "answer.question": "question",
    "consent.purpose": "purpose",
    "consent.channel": "consent_channel",
    "bucket.from": "share_from",
    "bucket.to": "share_to",
}
"""Places of the tree that have another name in the form."""


@dataclass(slots=True)
class Node:
    """A group (`mode` set) or a condition (`kind` set) as it was typed. `conditions`: of the events a and b."""

    mode: str = ""
    kind: str = ""
    values: dict[str, str] = field(default_factory=dict)
    conditions: dict[str, list[dict[str, str]]] = field(default_factory=lambda: {"a": [], "b": []})
    parts: list[Node] = field(default_factory=list)
    errors: dict[str, list[str]] = field(default_factory=dict)

    @property
    def is_group(self) -> bool:
        """Whether it holds other nodes."""
        return bool(self.mode)

    def leaves(self) -> int:
        """How many conditions it holds."""
        return sum(part.leaves() for part in self.parts) if self.is_group else 1

    def as_json(self) -> dict[str, Any]:
        """The documented form; what is missing or wrong is left for `parse_rule` to say."""
        if self.is_group:
            return {self.mode: [part.as_json() for part in self.parts]}
        return _LEAF_WRITERS[self.kind](self)


Draft = Node
"""The root of a rule."""


def empty_draft() -> Draft:
    """One condition, not yet filled in."""
    return Node(mode="all", parts=[Node(kind="attribute")])


# From the tree and back


def draft_from_rule(rule: Mapping[str, Any]) -> Draft:
    """A stored rule in its normal form (`Rule.as_json`) as rows."""
    mode = next((mode for mode in MODES if mode in rule), "")
    if mode:
        return Node(mode=mode, parts=[draft_from_rule(part) for part in rule[mode]])
    kind = next(kind for kind in KINDS if kind in rule)
    node = Node(kind=kind)
    _LEAF_READERS[kind](node, rule)
    node.values = {name: text for name, text in node.values.items() if text != ""}
    return node


def draft_from_post(data: Mapping[str, Any]) -> Draft:
    """The rows of a form that was sent. Unknown names are ignored, unknown kinds taken for the first one."""
    found: dict[str, Node] = {}
    conditions: dict[tuple[str, str, int], dict[str, str]] = {}
    for key in data:
        match = _INPUT.fullmatch(key)
        if match is None or match[1].count("-") > MAX_DEPTH:
            continue
        path, event, number, name = match.groups()
        node, value = found.setdefault(path, Node()), str(data[key])
        if event:
            conditions.setdefault((path, event, int(number)), {})[name] = value
        elif name == "mode":
            node.mode = value if value in MODES else "all"
        elif name == "kind":
            node.kind = value if value in KINDS else KINDS[0]
        else:
            node.values[name] = value
    for (path, event, _number), values in sorted(conditions.items(), key=lambda item: item[0]):
        found[path].conditions[event].append(values)
    root = found.pop("r", None) or Node()
    root.mode = root.mode or "all"
    for path in sorted(found, key=lambda path: [int(step) for step in path.split("-")[1:]]):
        node, above = found[path], found.get(path.rpartition("-")[0], root if path.count("-") == 1 else None)
        if above is not None and above.is_group and (node.mode or node.kind) and root.leaves() <= MAX_LEAVES:
            above.parts.append(node)
    return root


def change_draft(draft: Draft, do: str) -> str:
    """What a button of the form does: "add:r", "group:r-0", "remove:r-0", "where:r-0.a", "unwhere:r-0.a-1".

    Gives the path of what should have the focus then, "" for a button it does not know.
    """
    action, _colon, target = do.partition(":")
    path, _dot, event = target.partition(".")
    if not _PATH.fullmatch(path):
        return ""
    *above, last = [int(step) for step in path.split("-")[1:]] or [-1]
    node = _node_at(draft, [] if last < 0 else [*above, last])
    if node is None:
        return ""
    if action == "add" and node.is_group and draft.leaves() < MOST_ROWS:
        node.parts.append(Node(kind=KINDS[0]))
        return f"{path}-{len(node.parts) - 1}"
    if action == "group" and node.is_group and path.count("-") < MAX_DEPTH - 1:
        node.parts.append(Node(mode="any", parts=[Node(kind=KINDS[0])]))
        return f"{path}-{len(node.parts) - 1}-0"
    if action == "remove" and last >= 0:
        parent = _node_at(draft, above)
        if parent is not None:
            parent.parts.remove(node)
        return path.rpartition("-")[0]
    letter, _dash, number = event.partition("-")
    if letter in ("a", "b"):
        conditions = node.conditions[letter]
        if action == "where" and len(conditions) < MOST_CONDITIONS:
            conditions.append({})
        elif action == "unwhere" and number.isdigit() and int(number) < len(conditions):
            del conditions[int(number)]
        return path
    return ""


def _node_at(draft: Draft, steps: Iterable[int]) -> Node | None:
    node = draft
    for step in steps:
        if step >= len(node.parts):
            return None
        node = node.parts[step]
    return node


def place_errors(draft: Draft, errors: Iterable[FieldError]) -> list[str]:
    """Write each error of `parse_rule` into the row it belongs to; gives those that belong to none."""
    left = []
    for error in errors:
        steps = error["field"].split(".")
        if steps[:1] != ["rule"]:
            left.append(error["message"])
            continue
        node, steps = draft, steps[1:]
        while node.is_group and len(steps) > 1 and steps[0] == node.mode and steps[1].isdigit():
            if int(steps[1]) >= len(node.parts):
                break
            node, steps = node.parts[int(steps[1])], steps[2:]
        place = ".".join(steps)
        condition = re.match(r"(?:sequence\.(\d)\.)?where\.(\d+)\.(property|op|value)", place)
        if condition:
            name = f"{'b' if condition[1] == '1' else 'a'}-{condition[2]}.{condition[3]}"
        elif node.is_group:
            name = ""
        else:
            place = "value" if place.startswith("value") else place
            name = _PLACES.get(place, place if re.fullmatch(r"[a-z_]+", place) else "")
        node.errors.setdefault(name, []).append(error["message"])
    return left


# Values as they are typed


def value_of(text: str) -> Any:
    """A typed value: a number, yes or no, or a text; in quotes always a text, so that "42" can be one."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    if text in ("true", "false"):
        return text == "true"
    if len(text) > 1 and text[0] == text[-1] == '"':
        try:
            return str(json.loads(text))
        except ValueError:
            return text
    return text


def text_of(value: Any) -> str:
    """A value as it would have been typed."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        plain = value == value.strip() and isinstance(value_of(value), str) and value_of(value) == value
        return value if plain and value else json.dumps(value, ensure_ascii=False)
    return "" if value is None else str(value)


def values_of(text: str) -> list[Any]:
    """Values with commas between; one that holds a comma stands in quotes."""
    return [value_of(part) for part in (match[1] for match in _ITEM.finditer(text)) if part.strip()]


def texts_of(values: Iterable[Any]) -> str:
    """Values as they would have been typed."""
    shown = (text_of(value) for value in values)
    return ", ".join(json.dumps(text, ensure_ascii=False) if "," in text and text[0] != '"' else text for text in shown)


def whole_of(text: str | None) -> Any:
    """A whole number; None when nothing was typed, and the text itself when it is none."""
    text = (text or "").strip()
    if not text:
        return None
    return int(text) if re.fullmatch(r"-?\d{1,12}", text, re.ASCII) else text


def _test_json(values: Mapping[str, str], *, as_text: bool = False) -> dict[str, Any]:
    op, text = values.get("op") or "=", values.get("value") or ""
    if op in PRESENCE:
        return {"op": op}
    if op in RELATIVE:
        return {"op": op, "value": whole_of(text)}
    if as_text:
        listed = [part if isinstance(part, str) else text_of(part) for part in values_of(text)]
        return {"op": op, "value": listed if op in LISTED else text.strip()}
    return {"op": op, "value": values_of(text) if op in LISTED else value_of(text)}


def _test_values(raw: Mapping[str, Any], *, as_text: bool = False) -> dict[str, str]:
    value = raw.get("value")
    if isinstance(value, list):
        shown = ", ".join(value) if as_text and not any("," in part for part in value) else texts_of(value)
    else:
        shown = str(value) if as_text and value is not None else text_of(value)
    return {"op": raw.get("op", "="), "value": shown}


def _within_json(values: Mapping[str, str]) -> dict[str, Any]:
    window = values.get("window")
    if window == "days":
        return {"within": {"days": whole_of(values.get("days")) or _("empty")}}
    if window == "dates":
        ends = {name: values[name].strip() for name in ("from", "to") if values.get(name, "").strip()}
        return {"within": ends}
    return {}


def _within_values(raw: Mapping[str, Any]) -> dict[str, str]:
    within = raw.get("within")
    if not within:
        return {"window": "ever"}
    if "days" in within:
        return {"window": "days", "days": str(within["days"])}
    return {"window": "dates", **{name: str(within[name]) for name in ("from", "to") if within.get(name)}}


def _step_json(node: Node, letter: str) -> dict[str, Any]:
    made: dict[str, Any] = {"event": node.values.get(f"{letter}_event", "")}
    if node.conditions[letter]:
        made["where"] = [
            {"property": condition.get("property", ""), **_test_json(condition)}
            for condition in node.conditions[letter]
        ]
    if channel := node.values.get(f"{letter}_channel"):
        made["channel"] = channel
    return made


def _read_step(node: Node, letter: str, raw: Mapping[str, Any]) -> None:
    node.values |= {f"{letter}_event": raw["event"], f"{letter}_channel": raw.get("channel") or ""}
    node.conditions[letter] = [{"property": one["property"], **_test_values(one)} for one in raw.get("where") or ()]


# One reader and one writer a kind


def _read_named(node: Node, raw: Mapping[str, Any]) -> None:
    node.values = {"name": raw[node.kind], **_test_values(raw, as_text=node.kind == "field")}


def _read_event(node: Node, raw: Mapping[str, Any]) -> None:
    count = raw.get("count") or {}
    node.values = {"count_op": count.get("op", ">="), "count": str(count.get("value", 1)), **_within_values(raw)}
    _read_step(node, "a", raw)


def _read_sequence(node: Node, raw: Mapping[str, Any]) -> None:
    node.values = {"within_days": str(raw["within_days"]), **_within_values(raw)}
    for letter, step in zip("ab", raw["sequence"], strict=True):
        _read_step(node, letter, step)


def _read_answer(node: Node, raw: Mapping[str, Any]) -> None:
    named = {name: str(value) for name, value in raw["answer"].items()}
    node.values = {**named, "which": raw.get("which", "latest"), **_test_values(raw), **_within_values(raw)}


def _read_segment(node: Node, raw: Mapping[str, Any]) -> None:
    node.values = {"segment": str(raw["segment"])}


def _read_consent(node: Node, raw: Mapping[str, Any]) -> None:
    consent = raw["consent"]
    node.values = {"purpose": consent["purpose"], "consent_channel": consent["channel"], "state": raw["state"]}


def _read_bucket(node: Node, raw: Mapping[str, Any]) -> None:
    bucket = raw["bucket"]
    node.values = {"share_from": str(bucket["from"]), "share_to": str(bucket["to"]), "salt": raw.get("salt") or ""}


def _named_json(node: Node) -> dict[str, Any]:
    return {node.kind: node.values.get("name", "").strip(), **_test_json(node.values, as_text=node.kind == "field")}


def _event_json(node: Node) -> dict[str, Any]:
    typed = whole_of(node.values.get("count"))
    count = {"op": node.values.get("count_op") or ">=", "value": 1 if typed is None else typed}
    return {**_step_json(node, "a"), "count": count, **_within_json(node.values)}


def _sequence_json(node: Node) -> dict[str, Any]:
    days = whole_of(node.values.get("within_days"))
    return {"sequence": [_step_json(node, "a"), _step_json(node, "b")], "within_days": days} | _within_json(node.values)


def _answer_json(node: Node) -> dict[str, Any]:
    values = node.values
    asked = {
        name: values[name].strip()
        for name in ("metric", "survey", "touchpoint", "question")
        if values.get(name, "").strip()
    }
    which = values.get("which") or "latest"
    return {"answer": asked, "which": which, **_test_json(values), **_within_json(values)}


def _segment_json(node: Node) -> dict[str, Any]:
    return {"segment": node.values.get("segment", "")}


def _consent_json(node: Node) -> dict[str, Any]:
    values = node.values
    consent = {"purpose": values.get("purpose") or "surveys", "channel": values.get("consent_channel") or "any"}
    return {"consent": consent, "state": values.get("state") or "given"}


def _bucket_json(node: Node) -> dict[str, Any]:
    values = node.values
    bounds = {"from": value_of(values.get("share_from") or "0"), "to": value_of(values.get("share_to") or "100")}
    return {"bucket": bounds, "salt": values.get("salt", "").strip()}


_LEAF_READERS = {
    "attribute": _read_named,
    "account_attribute": _read_named,
    "field": _read_named,
    "event": _read_event,
    "sequence": _read_sequence,
    "answer": _read_answer,
    "segment": _read_segment,
    "consent": _read_consent,
    "bucket": _read_bucket,
}
_LEAF_WRITERS = {
    "attribute": _named_json,
    "account_attribute": _named_json,
    "field": _named_json,
    "event": _event_json,
    "sequence": _sequence_json,
    "answer": _answer_json,
    "segment": _segment_json,
    "consent": _consent_json,
    "bucket": _bucket_json,
}
