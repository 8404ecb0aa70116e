"""Small organisations and rules over them, at random, for comparing the compiler with plain Python (by_hand.py).

Values come from a few pools that are full of neighbours: the same moment in other words, times a millisecond on either
side of a boundary, numbers that are text, lists that hold the value.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from apps.customers.models import Account, ConsentRecord, Customer
from apps.interactions.models import Interaction
from apps.organizations.models import Unit
from apps.segments.models import Segment, SegmentMember
from apps.surveys.models import Response, Survey, SurveyVersion
from apps.touchpoints.models import Touchpoint
from cxm.ids import timed_uuid7, uuid7
from tests.segments.by_hand import Person, World

AT = datetime(2026, 3, 31, 0, 30, tzinfo=UTC)
ZONE = "America/Sao_Paulo"
MS = timedelta(milliseconds=1)
EVENTS = ("Purchase", "Visit", "Refund")
CHANNELS = ("web", "phone")
MOMENTS = [
    AT, AT - MS, AT - timedelta(hours=1), AT - timedelta(days=1), AT - timedelta(days=1) - MS,
    AT - timedelta(days=2), AT - timedelta(days=2) + MS, AT - timedelta(days=7), AT - timedelta(days=7) - MS,
    datetime(2026, 3, 30, 3, tzinfo=UTC), datetime(2026, 3, 30, 3, tzinfo=UTC) - MS,
    datetime(2026, 3, 29, 3, tzinfo=UTC), datetime(2026, 3, 29, 3, tzinfo=UTC) - MS,
    datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2025, 12, 31, 23, tzinfo=UTC), datetime(2001, 5, 5, tzinfo=UTC),
]  # fmt: skip
TEXT_DAYS = ["2026-03-29", "2026-03-30", "2026-03-24"]
TEXT_MOMENTS = ["2026-03-29T23:30:00-03:00", "2026-03-30T03:00:00Z", "2026-03-30T02:59:59.999Z", "2026-03-29 12:00"]
STORED: list[Any] = [
    None, "", "pro", "Pro", "basic", "a pro plan", "1", 1, 1.0, 2.5, -3, 0, True, False, ["pro", 1], ["Pro"], [],
    [True], "2026-02-30", "2026-03-29T25:00", "0000-01-01", *TEXT_DAYS, *TEXT_MOMENTS,
]  # fmt: skip
WANTED: list[Any] = ["pro", "PRO", "basic", "1", 1, 2.5, 0, True, False, "2026-02-30", *TEXT_DAYS, *TEXT_MOMENTS]
ORDERED: list[Any] = [1, 2.5, 0, -4, *TEXT_DAYS, *TEXT_MOMENTS[1:3]]


@dataclass
class Made:
    """What is in the database, by the names that rules use."""

    world: World
    surveys: list[Survey] = field(default_factory=list)
    units: list[Unit] = field(default_factory=list)


def a_population(chance: random.Random) -> Made:
    """An organisation's customers with all that rules can look at, in the database and as plain values."""
    made = Made(World(zone=ZONE, at=AT, provisional=chance.random() < 0.5))
    top = Unit.objects.create(name="North", code="n")
    made.units = [top, Unit.objects.create(name="Shop", code="s", parent=top), Unit.objects.create(name="South")]
    above = {top.pk: [top], made.units[1].pk: [made.units[1], top], made.units[2].pk: [made.units[2]]}
    companies = {"acme": {"tier": "gold", "size": 5}, "none": {}}
    Account.objects.bulk_create([Account(key=key, attributes=value) for key, value in companies.items()])
    keys = {key: Touchpoint.objects.create(key=key, name=key) for key in ("shop", "call")}
    made.surveys = [_survey("nps", 1), _survey("csat", 2), _survey("nps", 2)]
    static = Segment.objects.create(name="List", kind="static", rule={}, state="ready")
    made.world.segments[str(static.pk)] = None
    customers: list[Customer] = []
    rows: dict[type, list[Any]] = {Interaction: [], Response: [], ConsentRecord: [], SegmentMember: []}
    for _number in range(chance.randint(2, 6)):
        customer, person = _person(chance, made, companies, above)
        customers.append(customer)
        for _event in range(chance.choice([0, 1, 2, 4, 6])):
            rows[Interaction].append(_event_of(chance, customer, person))
        for _answer in range(chance.choice([0, 0, 1, 3])):
            rows[Response].append(_answer_of(chance, customer, person, made.surveys, keys))
        for _consent in range(chance.choice([0, 1, 3])):
            rows[ConsentRecord].append(_consent_of(chance, customer, person))
        if chance.random() < 0.4:
            rows[SegmentMember].append(SegmentMember(segment=static, customer=customer))
            person.lists.add(str(static.pk))
        made.world.people.append(person)
    if len(customers) > 2 and chance.random() < 0.5:
        customers[1].merged_into, made.world.people[1].is_hidden = customers[0], True
    Customer.records.bulk_create(customers)
    rows[Interaction].append(_event_of(chance, None, Person(id="")))  # of nobody yet
    for model, objects in rows.items():
        model._base_manager.bulk_create(objects)
    for name in ("Inner", "Outer"):
        rule = a_rule(chance, made, depth=1)
        live = Segment.objects.create(name=name, rule=rule, state="ready")
        made.world.segments[str(live.pk)] = rule
    return made


def a_rule(chance: random.Random, made: Made, depth: int = 0) -> dict[str, Any]:
    """A rule tree of the documented JSON."""
    parts = []
    for _number in range(chance.choice([0, 1, 1, 2, 3])):
        if depth < 3 and chance.random() < 0.3:
            parts.append(a_rule(chance, made, depth + 1))
        else:
            parts.append(a_leaf(chance, made))
    return {chance.choice(["all", "any", "none"]): parts}


def a_leaf(chance: random.Random, made: Made) -> dict[str, Any]:
    """Any condition."""
    return chance.choice(LEAVES)(chance, made)


def _survey(kind: str, questions: int) -> Survey:
    survey = Survey.objects.create(name=kind, slug=f"{kind}-{questions}", kind=kind, current_version=1, state="live")
    metrics = [kind, "ces"][:questions]
    asked: list[dict[str, Any]] = [
        {"id": f"q{number}", "type": metric, "metric": metric, "scale": 7 if metric == "ces" else 11}
        for number, metric in enumerate(metrics)
    ]
    asked.append({"id": "why", "type": "text"})
    SurveyVersion.objects.create(survey=survey, number=1, definition={"pages": [{"id": "p", "questions": asked}]})
    return survey


def _person(
    chance: random.Random, made: Made, companies: dict[str, Any], above: dict[UUID, list[Unit]]
) -> tuple[Customer, Person]:
    account, unit = chance.choice(["", "acme", "none", "unknown"]), chance.choice([None, *made.units])
    values = {
        "stage": chance.choice(["prospect", "customer", "former"]),
        "email": chance.choice([None, "ada@example.com", "bob@EXAMPLE.org".lower()]),
        "phone": chance.choice([None, "+49301"]),
        "name": chance.choice(["", "Ada", "ada l", "2026-03-29"]),
        "language": chance.choice(["", "de"]),
        "account": account,
        "created_at": chance.choice(MOMENTS),
    }
    names = ("plan", "since", "a.b")
    attributes = {name: chance.choice(STORED) for name in names if chance.random() < 0.8}
    hidden = chance.random() < 0.1
    customer = Customer(unit=unit, attributes=attributes, restricted_at=AT if hidden else None, **values)
    person = Person(
        id=str(customer.pk),
        fields=values,
        attributes=attributes,
        company=companies.get(account, {}),
        units=[str(other.pk) for other in above[unit.pk]] if unit else [],
        is_hidden=hidden,
    )
    return customer, person


def _event_of(chance: random.Random, customer: Customer | None, person: Person) -> Interaction:
    at = chance.choice(MOMENTS)
    properties = {name: chance.choice(STORED) for name in ("price", "item") if chance.random() < 0.7}
    if chance.random() < 0.3:
        properties["deep"] = {"price": chance.choice(STORED)}
    event = {
        "event": chance.choice(EVENTS),
        "at": at,
        "channel": chance.choice(CHANNELS),
        "properties": properties,
    }
    person.events.append(event)
    return Interaction(
        id=timed_uuid7(at),
        customer=customer,
        event=event["event"],
        channel=event["channel"],
        occurred_at=at,
        properties=properties,
    )


def _answer_of(
    chance: random.Random, customer: Customer, person: Person, surveys: list[Survey], keys: dict[str, Touchpoint]
) -> Response:
    survey, key, at = chance.choice(surveys), chance.choice([None, *keys]), chance.choice(MOMENTS)
    state = chance.choice(["submitted", "submitted", "partial", "provisional_dwell", "provisional_interaction"])
    score = chance.choice([None, 0, 3, 6, 7, 10])
    answers: dict[str, Any] = {} if score is None else {"q0": score}
    scores = [] if score is None else [("q0", survey.kind, score)]
    if chance.random() < 0.6:
        further = chance.choice([1, 4, "4", None])
        answers["q1"] = further
        if survey.slug.endswith("-2") and isinstance(further, int):
            scores.append(("q1", "ces", further))
    if chance.random() < 0.6:
        answers["why"] = chance.choice(STORED)
    row = Response(
        survey=survey, version=1, customer=customer, touchpoint=keys[key] if key else None, answers=answers,
        score=score, score_question="" if score is None else "q0", metric="" if score is None else survey.kind,
        scale=None if score is None else 11, state=state, occurred_at=at, day=at.date(),
    )  # fmt: skip
    person.answers.append(
        {
            "id": str(row.pk),
            "survey": str(survey.pk),
            "touchpoint": key,
            "state": state,
            "at": at,
            "answers": answers,
            "scores": scores,
        }
    )
    return row


def _consent_of(chance: random.Random, customer: Customer, person: Person) -> ConsentRecord:
    row = ConsentRecord(
        id=uuid7(),
        customer=customer,
        purpose=chance.choice(["surveys", "marketing"]),
        channel=chance.choice(["email", "sms", "any"]),
        state=chance.choice(["given", "withdrawn"]),
        at=chance.choice(MOMENTS[:4]),
    )
    person.consents.append(
        {"id": str(row.pk), "purpose": row.purpose, "channel": row.channel, "state": row.state, "at": row.at}
    )
    return row


# -- rules


def _comparison(chance: random.Random) -> dict[str, Any]:
    kind = chance.choice(["=", "<", "in", "contains", "starts_with", "exists", "days"])
    if kind == "=":
        return {"op": chance.choice(["=", "!="]), "value": chance.choice(WANTED)}
    if kind == "<":
        return {"op": chance.choice(["<", "<=", ">", ">="]), "value": chance.choice(ORDERED)}
    if kind == "in":
        return {"op": chance.choice(["in", "not_in"]), "value": chance.sample(WANTED, chance.randint(1, 3))}
    if kind == "contains":
        return {"op": chance.choice(["contains", "not_contains"]), "value": chance.choice(WANTED)}
    if kind == "starts_with":
        return {"op": kind, "value": chance.choice(["PR", "a", "2026"])}
    if kind == "exists":
        return {"op": chance.choice(["exists", "missing"])}
    return {"op": chance.choice(["within_last_days", "more_than_days_ago"]), "value": chance.choice([1, 2, 7])}


def _window(chance: random.Random) -> dict[str, Any]:
    ends = ["2026-03-29", "2026-03-30", "2026-03-30T03:00:00Z", "2026-03-29T00:00:00-03:00"]
    kind = chance.choice(["ever", "ever", "days", "from", "to", "both"])
    if kind == "ever":
        return {}
    if kind == "days":
        return {"within": {"days": chance.choice([1, 2, 7, 400])}}
    if kind == "both":
        return {"within": {"from": chance.choice(["2025-12-31", "2026-03-29"]), "to": chance.choice(ends[1:3])}}
    return {"within": {kind: chance.choice(ends)}}


def _step(chance: random.Random) -> dict[str, Any]:
    step: dict[str, Any] = {"event": chance.choice(EVENTS)}
    if chance.random() < 0.3:
        step["channel"] = chance.choice(CHANNELS)
    if chance.random() < 0.4:
        step["where"] = [
            {"property": chance.choice(["price", "item", "deep.price"]), **_comparison(chance)}
            for _number in range(chance.randint(1, 2))
        ]
    return step


def _event_leaf(chance: random.Random, made: Made) -> dict[str, Any]:
    count = {"op": chance.choice(["=", "!=", "<", "<=", ">", ">="]), "value": chance.choice([0, 1, 2, 3])}
    return {**_step(chance), **_window(chance), **({"count": count} if chance.random() < 0.7 else {})}


def _sequence_leaf(chance: random.Random, made: Made) -> dict[str, Any]:
    return {
        "sequence": [_step(chance), _step(chance)],
        "within_days": chance.choice([0, 1, 2, 7, 100]),
        **_window(chance),
    }


def _field_leaf(chance: random.Random, made: Made) -> dict[str, Any]:
    name = chance.choice(["stage", "unit", "created_at", "email", "name", "language", "account"])
    if name == "stage":
        return {"field": name, "op": chance.choice(["=", "!="]), "value": "customer"}
    if name == "unit":
        unit = str(chance.choice(made.units).pk)
        return chance.choice([
            {"field": name, "op": chance.choice(["=", "!="]), "value": unit},
            {"field": name, "op": chance.choice(["in", "not_in"]), "value": [unit, str(made.units[2].pk)]},
            {"field": name, "op": chance.choice(["exists", "missing"])},
        ])  # fmt: skip
    if name == "created_at":
        op = chance.choice(["=", "!=", "<", "<=", ">", ">="])
        return {"field": name, "op": op, "value": chance.choice([*TEXT_DAYS, *TEXT_MOMENTS])}
    values = ["ada@example.com", "Ada", "de", "acme", "2026-03-29"]
    return chance.choice([
        {"field": name, "op": chance.choice(["=", "!=", "contains", "starts_with"]), "value": chance.choice(values)},
        {"field": name, "op": chance.choice(["in", "not_in"]), "value": chance.sample(values, 2)},
        {"field": name, "op": chance.choice(["exists", "missing"])},
    ])  # fmt: skip


def _attribute_leaf(chance: random.Random, made: Made) -> dict[str, Any]:
    if chance.random() < 0.3:
        return {"account_attribute": chance.choice(["tier", "size"]), "op": chance.choice(["=", "!="]), "value": 5}
    return {"attribute": chance.choice(["plan", "since", "a.b"]), **_comparison(chance)}


def _answer_leaf(chance: random.Random, made: Made) -> dict[str, Any]:
    named = {
        "metric": chance.choice(["nps", "csat", "ces"]),
        "survey": str(chance.choice(made.surveys).pk),
        "touchpoint": chance.choice(["shop", "call"]),
        "question": chance.choice(["q0", "q1", "why"]),
    }
    wanted = {name: named[name] for name in chance.sample(sorted(named), chance.randint(1, 3))}
    if "question" in wanted and "metric" not in wanted:
        test = _comparison(chance)
    else:
        test = chance.choice([
            {"op": chance.choice(["=", "!=", "<", "<=", ">", ">="]), "value": chance.choice([3, 6, 7])},
            {"op": chance.choice(["in", "not_in"]), "value": [0, 7]},
            {"op": chance.choice(["exists", "missing"])},
        ])  # fmt: skip
    return {"answer": wanted, "which": chance.choice(["latest", "any"]), **test, **_window(chance)}


def _segment_leaf(chance: random.Random, made: Made) -> dict[str, Any]:
    return {"segment": chance.choice(list(made.world.segments))}


def _consent_leaf(chance: random.Random, made: Made) -> dict[str, Any]:
    named = {"purpose": chance.choice(["surveys", "marketing"]), "channel": chance.choice(["email", "sms", "any"])}
    return {"consent": named, "state": chance.choice(["given", "withdrawn", "unknown"])}


def _bucket_leaf(chance: random.Random, made: Made) -> dict[str, Any]:
    start = chance.choice([0, 12.5, 40])
    return {"bucket": {"from": start, "to": chance.choice([50, 99.99, 100])}, "salt": chance.choice(["", "test"])}


LEAVES: list[Callable[[random.Random, Made], dict[str, Any]]] = [
    _event_leaf, _event_leaf, _sequence_leaf, _sequence_leaf, _field_leaf, _attribute_leaf, _attribute_leaf,
    _answer_leaf, _answer_leaf, _segment_leaf, _consent_leaf, _bucket_leaf,
]  # fmt: skip
