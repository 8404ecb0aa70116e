"""Who meets a rule, worked out in plain Python over lists, from docs/segments.md alone: slow, and easy to be sure of.

It takes the rule's JSON as it is documented and shares no code with the compiler.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo


@dataclass
class Person:
    id: str
    fields: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    company: dict[str, Any] = field(default_factory=dict)
    units: list[str] = field(default_factory=list)  # own unit and all above it
    events: list[dict[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    consents: list[dict[str, Any]] = field(default_factory=list)
    lists: set[str] = field(default_factory=set)
    is_hidden: bool = False


@dataclass
class World:
    zone: str
    at: datetime
    provisional: bool = False
    segments: dict[str, Any] = field(default_factory=dict)  # id -> rule, or None for a list
    people: list[Person] = field(default_factory=list)

    def members(self, rule: dict[str, Any]) -> set[str]:
        return {person.id for person in self.people if not person.is_hidden and self.meets(rule, person)}

    def meets(self, rule: dict[str, Any], person: Person) -> bool:
        if "all" in rule:
            return all(self.meets(part, person) for part in rule["all"])
        if "any" in rule:
            return any(self.meets(part, person) for part in rule["any"])
        if "none" in rule:
            return not any(self.meets(part, person) for part in rule["none"])
        kind = next(name for name in CHECKS if name in rule)
        return bool(CHECKS[kind](self, rule, person))

    def of_field(self, rule: dict[str, Any], person: Person) -> bool:
        if rule["field"] == "unit":
            op, wanted = rule["op"], rule.get("value")
            if op in ("exists", "missing"):
                return (op == "exists") == bool(person.units)
            among = wanted if isinstance(wanted, list) else [wanted]
            return (op in ("=", "in")) == any(unit in among for unit in person.units)
        if rule["field"] == "created_at":
            return self.compare(person.fields["created_at"].isoformat(), rule["op"], rule["value"])
        value = person.fields.get(rule["field"]) or None
        return self.compare(value, rule["op"], rule.get("value"), dates=False)

    def of_attribute(self, rule: dict[str, Any], person: Person) -> bool:
        return self.compare(person.attributes.get(rule["attribute"]), rule["op"], rule.get("value"))

    def of_company(self, rule: dict[str, Any], person: Person) -> bool:
        return self.compare(person.company.get(rule["account_attribute"]), rule["op"], rule.get("value"))

    def of_events(self, rule: dict[str, Any], person: Person) -> bool:
        n = sum(self.is_step(rule, event) and self.is_within(rule, event["at"]) for event in person.events)
        count = rule.get("count", {"op": ">=", "value": 1})
        return ORDER[count["op"]](n, count["value"])

    def of_sequence(self, rule: dict[str, Any], person: Person) -> bool:
        first, then = rule["sequence"]
        longest = timedelta(days=rule["within_days"])
        return any(
            self.is_step(first, a)
            and self.is_within(rule, a["at"])
            and self.is_step(then, b)
            and a is not b
            and timedelta(0) <= b["at"] - a["at"] <= longest
            for a in person.events
            for b in person.events
        )

    def of_answers(self, rule: dict[str, Any], person: Person) -> bool:
        wanted = rule["answer"]
        found: list[tuple[tuple[datetime, str], Any]] = []
        for answer in person.answers:
            if answer["state"] != "submitted" and not (self.provisional and answer["state"].startswith("provisional")):
                continue
            if any(name in wanted and answer[name] != wanted[name] for name in ("survey", "touchpoint")):
                continue
            if not self.is_within(rule, answer["at"]):
                continue
            if "question" in wanted and "metric" not in wanted:
                values = [answer["answers"].get(wanted["question"])]
            else:
                values = [
                    score
                    for question, metric, score in answer["scores"]
                    if wanted.get("metric", metric) == metric and wanted.get("question", question) == question
                ]
            found += [((answer["at"], answer["id"]), value) for value in values if value not in (None, "")]
        if rule.get("which", "latest") == "latest" and found:
            newest = max(place for place, _value in found)
            found = [(place, value) for place, value in found if place == newest]
        op = rule["op"]
        positive = POSITIVE.get(op, op)
        is_any = any(self.compare(value, positive, rule.get("value")) for _place, value in found)
        return is_any if positive == op else not is_any

    def of_segment(self, rule: dict[str, Any], person: Person) -> bool:
        inner = self.segments[rule["segment"]]
        return rule["segment"] in person.lists if inner is None else self.meets(inner, person)

    def of_consent(self, rule: dict[str, Any], person: Person) -> bool:
        named = rule["consent"]
        said = [
            (consent["at"], consent["id"], consent["state"])
            for consent in person.consents
            if consent["purpose"] == named["purpose"] and consent["channel"] in (named.get("channel", "any"), "any")
        ]
        return (max(said)[2] if said else "unknown") == rule["state"]

    def of_bucket(self, rule: dict[str, Any], person: Person) -> bool:
        digest = hashlib.md5(f"{rule.get('salt', '')}:{person.id}".encode()).hexdigest()
        share = int(digest[:8], 16) / 2**32 * 100
        return rule["bucket"]["from"] <= share < rule["bucket"]["to"]

    # -- what the conditions are made of

    def is_step(self, step: dict[str, Any], event: dict[str, Any]) -> bool:
        if step["event"] != event["event"] or step.get("channel", event["channel"]) != event["channel"]:
            return False
        where = step.get("where", [])
        if isinstance(where, dict):
            where = [{"property": name, "op": "=", "value": value} for name, value in where.items()]
        for part in where:
            value = event["properties"].get(part["property"])
            if value is None and "." in part["property"]:
                outer, inner = part["property"].split(".")
                value = (event["properties"].get(outer) or {}).get(inner)
            if not self.compare(value, part["op"], part.get("value")):
                return False
        return True

    def is_within(self, rule: dict[str, Any], at: datetime) -> bool:
        window = rule.get("within")
        if not window:
            return True
        if "days" in window:
            return at >= self.at - timedelta(days=window["days"])
        start, end = window.get("from"), window.get("to")
        day = at.astimezone(ZoneInfo(self.zone)).date()
        if start is not None and not (day >= date.fromisoformat(start) if is_day(start) else at >= instant(start)):
            return False
        return end is None or (day <= date.fromisoformat(end) if is_day(end) else at < instant(end))

    def compare(self, value: Any, op: str, wanted: Any, *, dates: bool = True) -> bool:
        if op in POSITIVE:
            return not self.compare(value, POSITIVE[op], wanted, dates=dates)
        if value is None or value == "":
            return False
        if op == "exists":
            return True
        if op == "in":
            return any(self.compare(value, "=", one, dates=dates) for one in wanted)
        if op == "contains":
            if isinstance(value, list):
                return any(same(one, wanted) for one in value)
            return isinstance(value, str) and isinstance(wanted, str) and wanted.lower() in value.lower()
        if op == "starts_with":
            return isinstance(value, str) and value.lower().startswith(wanted.lower())
        if op in ("within_last_days", "more_than_days_ago"):
            moment, edge = self.moment(value), self.at - timedelta(days=wanted)
            if moment is None:
                return False
            return edge <= moment <= self.at if op == "within_last_days" else moment < edge
        if dates and self.moment(wanted) is not None:
            moment = self.moment(value)
            if moment is None:
                return False
            if is_day(wanted):
                return ORDER[op](moment.astimezone(ZoneInfo(self.zone)).date(), date.fromisoformat(wanted))
            return ORDER[op](moment, self.moment(wanted))
        if op == "=":
            return same(value, wanted)
        return is_number(value) and is_number(wanted) and ORDER[op](value, wanted)

    def moment(self, value: Any) -> datetime | None:
        if not isinstance(value, str) or not MOMENT.match(value):
            return None
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            return None
        return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(self.zone))


POSITIVE = {"!=": "=", "not_in": "in", "not_contains": "contains", "missing": "exists"}
ORDER = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
MOMENT = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?)?\Z")
CHECKS = {
    "field": World.of_field,
    "attribute": World.of_attribute,
    "account_attribute": World.of_company,
    "event": World.of_events,
    "sequence": World.of_sequence,
    "answer": World.of_answers,
    "segment": World.of_segment,
    "consent": World.of_consent,
    "bucket": World.of_bucket,
}


def is_day(text: str) -> bool:
    return len(text) == 10


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def same(a: Any, b: Any) -> bool:
    if is_number(a) and is_number(b):
        return a == b
    return type(a) is type(b) and a == b
