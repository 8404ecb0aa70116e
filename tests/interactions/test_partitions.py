"""Months of the table of interactions: made ahead by whoever owns it, found by time, out of reach by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction
from django.utils.timezone import now

from apps.interactions.models import Interaction
from apps.interactions.tasks import make_partitions_ahead
from apps.organizations.models import Organization
from cxm.doctor import examine
from cxm.ids import timed_uuid7
from cxm.partitions import (
    AHEAD,
    during,
    make_ahead,
    make_all_ahead,
    month_starts,
    months_ahead,
    partition_statements,
    partitioned_tables,
    placed_time,
)
from cxm.scope import tenant

TABLE = "interactions_interaction"
pytestmark = pytest.mark.django_db


@pytest.fixture
def alpha() -> Iterator[Organization]:
    """An organisation, in force."""
    organization = Organization.objects.create(slug="alpha", name="Alpha")
    with tenant(organization):
        yield organization


@pytest.fixture
def owner(db: None) -> Iterator[psycopg2.extensions.connection]:
    """The owner's connection to the test database; whatever it did is undone."""
    name = connection.settings_dict["NAME"]
    opened = psycopg2.connect(settings.OWNER_DATABASE_URL, dbname=name)
    yield opened
    opened.rollback()
    opened.close()


def stored(at: datetime) -> str:
    """Store an interaction that happened then; the partition that it is in."""
    made = Interaction.objects.create(id=timed_uuid7(at), event="Paid", occurred_at=at)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT tableoid::regclass::text FROM {TABLE} WHERE id = %s", [made.pk])
        return cursor.fetchone()[0]


def test_rows_stand_in_the_month_in_which_they_happened(alpha: Organization) -> None:
    today = now()
    assert stored(today) == f"{TABLE}_{today:%Y_%m}"
    last_month = today.replace(day=1) - timedelta(milliseconds=1)
    assert stored(last_month) == f"{TABLE}_{last_month:%Y_%m}"
    assert stored(today.replace(day=1, hour=0, minute=0, second=0, microsecond=0)) == f"{TABLE}_{today:%Y_%m}"


def test_old_data_stands_in_the_history(alpha: Organization) -> None:
    assert stored(datetime(1970, 1, 1, tzinfo=UTC)) == f"{TABLE}_history"
    assert stored(datetime(2001, 9, 9, tzinfo=UTC)) == f"{TABLE}_history"


@pytest.mark.parametrize(
    ("said", "is_believed"),
    [
        (timedelta(0), True),
        (timedelta(hours=23, minutes=59), True),
        (timedelta(days=1, seconds=1), False),
        (timedelta(days=-20_000), True),
        (timedelta(days=-30_000), False),
    ],
)
def test_times_before_1970_and_from_the_future_are_those_of_the_receipt(said: timedelta, is_believed: bool) -> None:
    received = datetime(2026, 11, 22, 10, 0, 0, 123_456, UTC)
    placed, is_time_received = placed_time(received + said, received)
    assert is_time_received is not is_believed
    assert placed == (received + said if is_believed else received).replace(microsecond=123_000)


def test_making_months_ahead_may_be_repeated(owner: psycopg2.extensions.connection) -> None:
    later = list(month_starts(now(), 2))[2]
    assert make_ahead(owner, TABLE, now=later) == 2
    assert make_ahead(owner, TABLE, now=later) == 0
    assert months_ahead(owner, TABLE, now=later) == AHEAD


def test_task_finds_all_months_there_after_a_migration() -> None:
    assert partitioned_tables() == [TABLE]
    assert make_all_ahead(now=now()) == {TABLE: 0}
    make_partitions_ahead()
    assert months_ahead(connection, TABLE, now=now()) == AHEAD


def test_without_the_owner_the_task_leaves_it_to_migrate_and_the_command_says_so(settings) -> None:
    settings.OWNER_DATABASE_URL = ""
    make_partitions_ahead()
    with pytest.raises(ImproperlyConfigured):
        make_all_ahead(now=now())
    with pytest.raises(CommandError, match="DATABASE_OWNER_URL"):
        call_command("make_partitions")


def test_doctor_warns_when_few_months_are_left(time_machine) -> None:
    def partitions() -> tuple[str, str]:
        found = next(finding for finding in examine() if finding.subject == "Partitions")
        return found.state, found.mend

    last = list(month_starts(now(), AHEAD))[-1]
    assert partitions() == ("ok", "")
    time_machine.move_to(last - timedelta(days=1))
    state, mend = partitions()
    assert state == "warning"
    assert "migrate" in mend
    time_machine.move_to(last + timedelta(days=40))
    assert partitions()[0] == "wrong"


def test_a_partition_cannot_be_read_by_itself(alpha: Organization) -> None:
    partition = stored(now())
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"SELECT count(*) FROM {partition}")


def test_a_new_partition_is_as_closed_as_the_first_ones(owner: psycopg2.extensions.connection) -> None:
    start = datetime(2090, 1, 1, tzinfo=UTC)
    with owner.cursor() as cursor:
        for statement in partition_statements(TABLE, f"{TABLE}_2090_01", start, datetime(2090, 2, 1, tzinfo=UTC)):
            cursor.execute(statement)
        cursor.execute(
            "SELECT has_table_privilege('cxm_app', oid, 'SELECT, INSERT, UPDATE, DELETE'), relrowsecurity"
            " FROM pg_class WHERE relname = %s",
            [f"{TABLE}_2090_01"],
        )
        assert cursor.fetchone() == (False, True)


def test_a_window_reads_only_its_months(alpha: Organization) -> None:
    start = now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    window = Interaction.objects.filter(during(start, start + timedelta(days=1)), event="Paid")
    plan = window.explain()
    assert f"{TABLE}_{start:%Y_%m}" in plan
    assert f"{TABLE}_history" not in plan
    everything = Interaction.objects.filter(event="Paid").explain()
    assert f"{TABLE}_history" in everything


def test_a_window_holds_its_first_instant_and_not_its_last(alpha: Organization) -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    end = datetime(2026, 4, 1, tzinfo=UTC)
    for at in (start - timedelta(milliseconds=1), start, end - timedelta(milliseconds=1), end):
        stored(at)
    assert [row.occurred_at for row in Interaction.objects.filter(during(start, end)).order_by("id")] == [
        start,
        end - timedelta(milliseconds=1),
    ]
