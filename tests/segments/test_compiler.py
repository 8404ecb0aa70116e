"""A rule finds exactly whom it describes: the compiled SQL against plain Python, over thousands of small cases."""

from __future__ import annotations

import random
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.utils.timezone import now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.customers.models import Customer
from apps.organizations.models import Organization
from apps.segments.compiler import compile_rule, read_facts
from apps.segments.rule import parse_rule
from tests.segments.populations import AT, ZONE, Made, a_leaf, a_population, a_rule


def found_by(rule: dict[str, Any], customers: list[UUID] | None = None) -> list[str]:
    parsed = parse_rule(rule)
    compiled = compile_rule(parsed, at=AT, facts=read_facts(parsed), customers=customers)
    with connection.cursor() as cursor:
        cursor.execute(compiled.sql, compiled.params)
        return [str(pk) for (pk,) in cursor.fetchall()]


def check(made: Made, rule: dict[str, Any]) -> None:
    expected = made.world.members(rule)
    found = found_by(rule)
    assert sorted(found) == sorted(expected), rule
    some = [UUID(person.id) for person in made.world.people[::2]]
    assert sorted(found_by(rule, some)) == sorted(expected & {str(pk) for pk in some}), rule


@pytest.fixture
def sao_paulo(acme: Organization) -> Organization:
    """The organisation lives in another zone than the server."""
    Organization.objects.filter(pk=acme.pk).update(timezone=ZONE)
    return acme


@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32))
def test_a_rule_finds_exactly_whom_it_describes(sao_paulo: Organization, seed: int) -> None:
    chance = random.Random(seed)
    with transaction.atomic():
        made = a_population(chance)
        Organization.objects.filter(pk=sao_paulo.pk).update(include_provisional=made.world.provisional)
        for _number in range(10):
            check(made, {"all": [a_leaf(chance, made)]})
        for _number in range(5):
            check(made, a_rule(chance, made))
        transaction.set_rollback(True)


def test_the_random_share_is_as_documented(acme: Organization) -> None:
    person = Customer.objects.create(id=UUID("01890a5d-ac96-774b-bcce-b302099a8057"))
    for salt, share in (("", 68.58), ("spring", 97.59)):
        for start, end, belongs in ((share, share + 0.01, True), (0, share, False), (share + 0.01, 100, False)):
            rule = {"bucket": {"from": round(start, 2), "to": round(end, 2)}, "salt": salt}
            assert found_by({"all": [rule]}) == ([str(person.pk)] if belongs else []), rule


def test_windows_leave_other_months_unread(acme: Organization) -> None:
    rule = parse_rule({"event": "Purchase", "within": {"days": 30}})
    compiled = compile_rule(rule, at=now(), facts=read_facts(rule))
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {compiled.sql}", compiled.params)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    months = set(re.findall(r"interactions_interaction_(\w+)", plan))
    assert f"{now():%Y_%m}" in " ".join(months)
    assert not any("history" in month or f"{now() - timedelta(days=90):%Y_%m}" in month for month in months)
