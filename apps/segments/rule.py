"""The rule of a segment: from the documented JSON (docs/segments.md) to values (rule_tree.py). Pure: reads no row.

Whatever is wrong is told with the exact place ("rule.any.1.count.value") and what to do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from django.utils.translation import gettext as _

from apps.customers.models import ConsentRecord, Customer
from apps.segments.rule_tree import (
    COMPARING,
    EVER,
    EVERYBODY,
    FIELD_OPERATORS,
    ISO_MOMENT,
    ISO_OFFSET,
    LISTED,
    MAX_CONDITIONS,
    MAX_COUNT,
    MAX_DAYS,
    MAX_DEPTH,
    MAX_ERRORS,
    MAX_LEAVES,
    MAX_NAME,
    MAX_NUMBER,
    MAX_PARTS,
    MAX_TEXT,
    MAX_VALUES,
    METRICS,
    MODES,
    NEGATIONS,
    OPERATORS,
    PRESENCE,
    RELATIVE,
    SCORE_OPERATORS,
    TEXT_FIELDS,
    TEXTUAL,
    AnswerLeaf,
    AttributeLeaf,
    BucketLeaf,
    Comparison,
    Condition,
    ConsentLeaf,
    EventLeaf,
    FieldLeaf,
    Group,
    Leaf,
    Place,
    Rule,
    Scalar,
    SegmentLeaf,
    SequenceLeaf,
    Step,
    Window,
    has_offset,
    holds,
    is_day,
    is_moment,
)
from cxm.channels import Channel
from cxm.errors import DomainError, DomainErrors, FieldError
from cxm.ids import parse_uuid

__all__ = [
    "COMPARING",
    "EVER",
    "EVERYBODY",
    "FIELD_OPERATORS",
    "ISO_MOMENT",
    "ISO_OFFSET",
    "LISTED",
    "MAX_CONDITIONS",
    "MAX_COUNT",
    "MAX_DAYS",
    "MAX_DEPTH",
    "MAX_ERRORS",
    "MAX_LEAVES",
    "MAX_NAME",
    "MAX_NUMBER",
    "MAX_PARTS",
    "MAX_TEXT",
    "MAX_VALUES",
    "METRICS",
    "MODES",
    "NEGATIONS",
    "OPERATORS",
    "PRESENCE",
    "RELATIVE",
    "SCORE_OPERATORS",
    "TEXTUAL",
    "TEXT_FIELDS",
    "AnswerLeaf",
    "AttributeLeaf",
    "BucketLeaf",
    "Comparison",
    "Condition",
    "ConsentLeaf",
    "EventLeaf",
    "FieldLeaf",
    "Group",
    "Leaf",
    "Place",
    "Rule",
    "Scalar",
    "SegmentLeaf",
    "SequenceLeaf",
    "Step",
    "Window",
    "has_offset",
    "holds",
    "is_day",
    "is_moment",
    "parse_rule",
]


def parse_rule(raw: object, *, place: str = "rule") -> Rule:
    """Read a rule tree as it came in.

    Takes a single leaf for a group of one. Looks nothing up: :func:`apps.segments.references.read_rule` does that too.

    Raises:
        DomainErrors: everything that is wrong, each with its place and what to do.
    """
    reader = _Reader()
    if isinstance(raw, Mapping) and raw and not any(mode in raw for mode in MODES):
        raw = {"all": [raw]}
        reader.is_wrapped = True
    rule = reader.group(raw, (place,), 1)
    if reader.errors:
        raise DomainErrors(reader.errors)
    if rule is None:
        raise DomainError(_("This is not a rule."), field=place)
    return rule


class _Wrong(Exception):
    """One thing that is wrong; the reader notes it and goes on with the next part."""

    def __init__(self, place: Place, message: str, code: str = "invalid") -> None:
        super().__init__(message)
        self.error: FieldError = {
            "field": ".".join(str(step)[:64] for step in place),
            "code": code,
            "message": message,
        }


@dataclass(slots=True)
class _Reader:
    """Reads one tree, noting what is wrong."""

    errors: list[FieldError] = field(default_factory=list)
    leaves: int = 0
    is_wrapped: bool = False

    def group(self, raw: object, place: Place, depth: int) -> Group | None:
        """One group with everything below it."""
        try:
            mode, parts = self._open(raw, place, depth)
        except _Wrong as wrong:
            self._note(wrong)
            return None
        read: list[Group | Leaf] = []
        for number, part in enumerate(parts):
            here = (*place, mode, number)
            if isinstance(part, Mapping) and any(name in part for name in MODES):
                found: Group | Leaf | None = self.group(part, here, depth + 1)
            else:
                found = self._leaf(part, here)
            if found is not None:
                read.append(found)
            if len(self.errors) >= MAX_ERRORS or self.leaves > MAX_LEAVES:
                break
        return Group(mode, tuple(read))

    def _open(self, raw: object, place: Place, depth: int) -> tuple[str, Sequence[object]]:
        if depth > MAX_DEPTH:
            message = _("Groups can be nested %(limit)d deep. Put a part of the rule into a segment of its own.")
            raise _Wrong(place, message % {"limit": MAX_DEPTH}, "too_deep")
        if not isinstance(raw, Mapping) or not raw:
            raise _Wrong(place, _('Send a group such as {"all": [...]}; {"all": []} is everybody.'), "not_a_group")
        named = [mode for mode in MODES if mode in raw]
        if len(raw) != 1 or len(named) != 1:
            raise _Wrong(place, _("A group has exactly one of all, any and none, and nothing else."), "not_a_group")
        parts = raw[named[0]]
        if not isinstance(parts, list | tuple):
            raise _Wrong((*place, named[0]), _("Send a list of conditions."), "not_a_list")
        if len(parts) > MAX_PARTS:
            message = _("A group holds at most %(limit)d conditions.")
            raise _Wrong((*place, named[0]), message % {"limit": MAX_PARTS}, "too_many")
        return named[0], parts

    def _leaf(self, raw: object, place: Place) -> Leaf | None:
        self.leaves += 1
        if self.is_wrapped:
            place = place[:1]
        try:
            if self.leaves > MAX_LEAVES:
                message = _("A rule holds at most %(limit)d conditions. Put some into a segment of their own.")
                raise _Wrong(place[:1], message % {"limit": MAX_LEAVES}, "too_many")
            return _read_leaf(raw, place)
        except _Wrong as wrong:
            self._note(wrong)
            return None

    def _note(self, wrong: _Wrong) -> None:
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(wrong.error)


def _read_leaf(raw: object, place: Place) -> Leaf:
    if not isinstance(raw, Mapping):
        raise _Wrong(place, _('Send a condition, such as {"event": "Purchase"}.'), "not_a_condition")
    kinds = [kind for kind in _LEAVES if kind in raw]
    if len(kinds) != 1:
        message = _("A condition has exactly one of %(kinds)s.") % {"kinds": ", ".join(_LEAVES)}
        raise _Wrong(place, message, "not_a_condition")
    allowed, read = _LEAVES[kinds[0]]
    _only(raw, place, (kinds[0], *allowed))
    return read(raw, place)


def _field_leaf(raw: Mapping[str, Any], place: Place) -> FieldLeaf:
    name = _one_of(raw["field"], (*place, "field"), tuple(FIELD_OPERATORS))
    test = _test(raw, place, FIELD_OPERATORS[name])
    if test.op in PRESENCE or test.op in RELATIVE:
        return FieldLeaf(name, test)
    values = test.value if isinstance(test.value, tuple) else (test.value,)
    clean = tuple(_field_value(name, value, (*place, "value")) for value in values)
    return FieldLeaf(name, Comparison(test.op, clean if isinstance(test.value, tuple) else clean[0]))


def _field_value(name: str, value: object, place: Place) -> str:
    if name == "created_at":
        if not is_moment(value):
            raise _Wrong(place, _("Give a date such as 2026-01-31, or a time such as 2026-01-31T09:00:00Z."))
        return str(value)
    if name == "unit":
        found = parse_uuid(value)
        if found is None:
            raise _Wrong(place, _("Give the id of a unit."))
        return str(found)
    if name == "stage":
        return _one_of(value, place, tuple(Customer.Stage.values))
    if not isinstance(value, str):
        raise _Wrong(place, _("Compare this field with a text."))
    return value.lower() if name == "email" else value


def _attribute_leaf(raw: Mapping[str, Any], place: Place) -> AttributeLeaf:
    return AttributeLeaf(_text(raw["attribute"], (*place, "attribute"), MAX_NAME), _test(raw, place, OPERATORS))


def _account_leaf(raw: Mapping[str, Any], place: Place) -> AttributeLeaf:
    name = _text(raw["account_attribute"], (*place, "account_attribute"), MAX_NAME)
    return AttributeLeaf(name, _test(raw, place, OPERATORS), of_account=True)


def _event_leaf(raw: Mapping[str, Any], place: Place) -> EventLeaf:
    step = _step(raw, place)
    op, count = ">=", 1
    if raw.get("count") is not None:
        here = (*place, "count")
        counted = _object(raw["count"], here, ("op", "value"), _('Send a count such as {"op": ">=", "value": 2}.'))
        op = _one_of(counted.get("op", ">="), (*here, "op"), COMPARING)
        count = _whole(counted.get("value"), (*here, "value"), 0, MAX_COUNT)
    return EventLeaf(step, op, count, _window(raw, place))


def _sequence_leaf(raw: Mapping[str, Any], place: Place) -> SequenceLeaf:
    steps, here = raw["sequence"], (*place, "sequence")
    if not isinstance(steps, list | tuple) or len(steps) != 2:
        raise _Wrong(here, _("Send two events: the first, and the one that follows it."))
    message = _('Send an event such as {"event": "Purchase"}.')
    read = [
        _step(_object(step, (*here, number), ("event", "where", "channel"), message), (*here, number))
        for number, step in enumerate(steps)
    ]
    days = _whole(raw.get("within_days"), (*place, "within_days"), 0, MAX_DAYS)
    return SequenceLeaf(read[0], read[1], days, _window(raw, place))


def _answer_leaf(raw: Mapping[str, Any], place: Place) -> AnswerLeaf:
    here = (*place, "answer")
    message = _("Say which answers: by metric, survey, touchpoint or question.")
    named = _object(raw["answer"], here, ("metric", "survey", "touchpoint", "question"), message)
    named = {name: value for name, value in named.items() if value is not None and value != ""}
    if not named:
        raise _Wrong(here, message, "required")
    metric = _one_of(named["metric"], (*here, "metric"), METRICS) if "metric" in named else None
    survey = parse_uuid(named["survey"]) if "survey" in named else None
    if "survey" in named and survey is None:
        raise _Wrong((*here, "survey"), _("Give the id of a survey."))
    touchpoint = _text(named["touchpoint"], (*here, "touchpoint"), MAX_NAME) if "touchpoint" in named else None
    question = _text(named["question"], (*here, "question"), MAX_NAME) if "question" in named else None
    which = _one_of(raw.get("which") or "latest", (*place, "which"), ("latest", "any"))
    is_score = metric is not None or question is None
    test = _test(raw, place, SCORE_OPERATORS if is_score else OPERATORS)
    if is_score:
        values = test.value if isinstance(test.value, tuple) else () if test.value is None else (test.value,)
        if any(isinstance(value, str | bool) for value in values):
            raise _Wrong((*place, "value"), _("Compare a score with a number."))
    return AnswerLeaf(test, metric, survey, touchpoint, question, which == "latest", _window(raw, place))


def _segment_leaf(raw: Mapping[str, Any], place: Place) -> SegmentLeaf:
    found = parse_uuid(raw["segment"])
    if found is None:
        raise _Wrong((*place, "segment"), _("Give the id of a segment."))
    return SegmentLeaf(found)


def _consent_leaf(raw: Mapping[str, Any], place: Place) -> ConsentLeaf:
    here = (*place, "consent")
    message = _('Say which consent, such as {"purpose": "surveys", "channel": "email"}.')
    named = _object(raw["consent"], here, ("purpose", "channel"), message)
    purpose = _one_of(named.get("purpose"), (*here, "purpose"), tuple(ConsentRecord.Purpose.values))
    channel = _one_of(named.get("channel") or "any", (*here, "channel"), tuple(ConsentRecord.Channel.values))
    state = _one_of(raw.get("state") or "given", (*place, "state"), ("given", "withdrawn", "unknown"))
    return ConsentLeaf(purpose, channel, state)


def _bucket_leaf(raw: Mapping[str, Any], place: Place) -> BucketLeaf:
    here = (*place, "bucket")
    bounds = _object(raw["bucket"], here, ("from", "to"), _('Send a share such as {"from": 0, "to": 10}.'))
    start = _percent(bounds.get("from", 0), (*here, "from"))
    end = _percent(bounds.get("to", 100), (*here, "to"))
    if start >= end:
        raise _Wrong((*here, "to"), _("Must be more than from."))
    salt = raw.get("salt")
    return BucketLeaf(start, end, "" if salt in (None, "") else _text(salt, (*place, "salt"), MAX_NAME))


_LEAVES: dict[str, tuple[tuple[str, ...], Callable[[Mapping[str, Any], Place], Leaf]]] = {
    "field": (("op", "value"), _field_leaf),
    "attribute": (("op", "value"), _attribute_leaf),
    "account_attribute": (("op", "value"), _account_leaf),
    "event": (("where", "count", "within", "channel"), _event_leaf),
    "sequence": (("within_days", "within"), _sequence_leaf),
    "answer": (("which", "op", "value", "within"), _answer_leaf),
    "segment": ((), _segment_leaf),
    "consent": (("state",), _consent_leaf),
    "bucket": (("salt",), _bucket_leaf),
}


def _step(raw: Mapping[str, Any], place: Place) -> Step:
    event = _text(raw.get("event"), (*place, "event"), MAX_NAME)
    channel = None
    if raw.get("channel") not in (None, ""):
        channel = _one_of(raw["channel"], (*place, "channel"), tuple(Channel.values))
    return Step(event, _where(raw.get("where"), (*place, "where")), channel)


def _where(raw: object, place: Place) -> tuple[Condition, ...]:
    if raw is None:
        return ()
    if not isinstance(raw, Mapping | list | tuple):
        raise _Wrong(place, _('Send {"property": value}, or a list of {"property", "op", "value"}.'))
    if len(raw) > MAX_CONDITIONS:
        raise _Wrong(place, _("At most %(limit)d conditions are taken.") % {"limit": MAX_CONDITIONS}, "too_many")
    if isinstance(raw, Mapping):
        return tuple(_equality(name, value, (*place, str(name))) for name, value in raw.items())
    read = []
    for number, part in enumerate(raw):
        here = (*place, number)
        message = _('Send a condition such as {"property": "price", "op": ">", "value": 100}.')
        entry = _object(part, here, ("property", "op", "value"), message)
        name = _text(entry.get("property"), (*here, "property"), MAX_NAME)
        read.append(Condition(name, _test(entry, here, OPERATORS)))
    return tuple(read)


def _equality(name: object, value: object, place: Place) -> Condition:
    property_name = _text(name, place, MAX_NAME)
    if value is None or value == "":
        return Condition(property_name, Comparison("missing"))
    return Condition(property_name, Comparison("=", _scalar(value, place)))


def _test(raw: Mapping[str, Any], place: Place, operators: Sequence[str]) -> Comparison:
    op = _one_of(raw.get("op", "="), (*place, "op"), operators)
    value, here = raw.get("value"), (*place, "value")
    if op in PRESENCE:
        if value not in (None, "", True):
            raise _Wrong(here, _("“%(op)s” takes no value. Leave it out.") % {"op": op})
        return Comparison(op)
    if op in RELATIVE:
        return Comparison(op, _whole(value, here, 1, MAX_DAYS))
    if op in LISTED:
        if not isinstance(value, list | tuple) or not value:
            raise _Wrong(here, _("Send a list of values."), "not_a_list")
        if len(value) > MAX_VALUES:
            raise _Wrong(here, _("At most %(limit)d values are taken.") % {"limit": MAX_VALUES}, "too_many")
        return Comparison(op, tuple(_scalar(part, (*here, number)) for number, part in enumerate(value)))
    scalar = _scalar(value, here)
    if op in ("<", "<=", ">", ">=") and (isinstance(scalar, bool) or not (_is_number(scalar) or is_moment(scalar))):
        raise _Wrong(here, _("Compare with a number, or with a date such as 2026-01-31."))
    if op == "starts_with" and not isinstance(scalar, str):
        raise _Wrong(here, _("Give the text it starts with."))
    return Comparison(op, scalar)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _scalar(value: object, place: Place) -> Scalar:
    if value is None or value == "":
        message = _("Give a value. To ask for customers without one, use “missing”.")
        raise _Wrong(place, message, "required")
    if isinstance(value, str):
        return _text(value, place, MAX_TEXT, strip=False)
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        if not math.isfinite(value) or abs(value) > MAX_NUMBER:
            raise _Wrong(place, _("Give a number between -10^15 and 10^15."))
        return value
    raise _Wrong(place, _("Give a text, a number, true or false."))


def _text(value: object, place: Place, limit: int, *, strip: bool = True) -> str:
    if not isinstance(value, str):
        raise _Wrong(place, _("Give a text here."))
    text = value.strip() if strip else value
    if not text:
        raise _Wrong(place, _("Must not be empty."), "required")
    if len(text) > limit:
        raise _Wrong(place, _("Use at most %(limit)d characters.") % {"limit": limit}, "max_length")
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise _Wrong(place, _("Remove the characters that cannot be stored (NUL or half a character)."))
    return text


def _whole(value: object, place: Place, least: int, most: int) -> int:
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        message = _("Give a whole number from %(least)d to %(most)d.")
        raise _Wrong(place, message % {"least": least, "most": most})
    return value


def _percent(value: object, place: Place) -> int | float:
    message = _("Give a percentage from 0 to 100, with at most two decimals.")
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 100:
        raise _Wrong(place, message)
    if round(value, 2) != value:
        raise _Wrong(place, message)
    return int(value) if value == int(value) else float(value)


def _window(raw: Mapping[str, Any], place: Place) -> Window:
    within, here = raw.get("within"), (*place, "within")
    if within is None:
        return EVER
    message = _('Send {"days": 90}, or {"from": "2026-01-01", "to": "2026-03-31"}; leave it out for ever.')
    window = _object(within, here, ("days", "from", "to"), message)
    if window.get("days") is not None:
        if window.get("from") is not None or window.get("to") is not None:
            raise _Wrong(here, _("Say either days, or from and to."))
        return Window(days=_whole(window["days"], (*here, "days"), 1, MAX_DAYS))
    start, end = (_moment(window.get(name), (*here, name)) for name in ("from", "to"))
    if start is None and end is None:
        raise _Wrong(here, message)
    if start is not None and end is not None and type(start) is type(end) and start > end:
        raise _Wrong((*here, "to"), _("Must not lie before from."))
    return Window(start=start, end=end)


def _moment(value: object, place: Place) -> date | datetime | None:
    if value is None or value == "":
        return None
    if is_day(value):
        return date.fromisoformat(str(value))
    if is_moment(value) and has_offset(str(value)):
        try:
            return datetime.fromisoformat(str(value)).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise _Wrong(place, _("Give a date such as 2026-01-31, or a time with its offset, such as 2026-01-31T09:00:00Z."))


def _one_of(value: object, place: Place, allowed: Sequence[str]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise _Wrong(place, _("Must be one of: %(allowed)s.") % {"allowed": ", ".join(allowed)}, "invalid_choice")
    return value


def _object(raw: object, place: Place, names: Sequence[str], message: str) -> Mapping[str, Any]:
    if not isinstance(raw, Mapping):
        raise _Wrong(place, message)
    _only(raw, place, names)
    return raw


def _only(raw: Mapping[str, Any], place: Place, names: Sequence[str]) -> None:
    """A misspelt condition that were ignored would let in whom it should keep out."""
    for name in raw:
        if name not in names:
            message = _("There is no “%(name)s” here. Known: %(names)s.")
            values = {"name": "".join(c for c in str(name)[:40] if c.isprintable()), "names": ", ".join(names)}
            raise _Wrong((*place, str(name)), message % values, "unknown")
