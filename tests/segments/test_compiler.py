"""A rule finds exactly whom it describes: the compiled SQL against plain Python, over thousands of small cases."""

from __future__ import annotations

import random
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
    max_examples=60,
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
