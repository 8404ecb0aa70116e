"""What one organisation can do to another's rows, by every way the ORM and raw SQL offer: nothing."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection, models, transaction
from django.db.models import Avg, Count, Exists, F, OuterRef, Prefetch, Q, Subquery, Window
from django.db.models.functions import Rank
from django.test.utils import CaptureQueriesContext

from apps.journeys.models import Card, Journey, Stage, Step, StepTouchpoint
from apps.organizations.models import Membership, Organization, Unit
from apps.surveys.models import Survey, SurveyVersion
from apps.touchpoints.models import Touchpoint
from cxm.scope import TenantNotSet, acting_user, current_scope, no_tenant, platform, tenant
from tests.tenancy.rows import make_row, tenant_models

ALL_TENANT_MODELS = tenant_models()


def announced() -> tuple[str, str | None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_setting('cxm.tenant_id', true)")
        return cursor.fetchone()


def make_map(name: str) -> Journey:
    journey = make_row(Journey, name=name, metric="nps")
    stage = make_row(Stage, journey=journey, name="Order", position=0)
    step = make_row(Step, stage=stage, name="Pay", position=0)
    make_row(Card, step=step, text="waits", position=0)
    make_row(StepTouchpoint, step=step, touchpoint=make_row(Touchpoint, key=f"{name}-key"), position=0)
    return journey


# -- every model, from the other side -----


@pytest.mark.parametrize("model", ALL_TENANT_MODELS, ids=lambda m: m._meta.label)
def test_no_statement_reaches_the_other_organisations_row(
    model: type[models.Model], alpha: Organization, beta: Organization
) -> None:
    with tenant(beta):
        theirs = make_row(model)
        assert model._base_manager.filter(pk=theirs.pk).count() == 1
    table = connection.ops.quote_name(model._meta.db_table)
    with tenant(alpha):
        assert not model._base_manager.filter(pk=theirs.pk).exists()
        assert list(model._base_manager.all()) == []
        with connection.cursor() as cursor:  # the database's wall alone
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone() == (0,)
            out = io.StringIO()
            cursor.copy_expert(f"COPY (SELECT * FROM {table}) TO STDOUT", out)
            assert out.getvalue() == ""
        for statement in (f"UPDATE {table} SET tenant_id = tenant_id", f"DELETE FROM {table}"):
            try:
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute(statement)
                    assert cursor.rowcount == 0
            except ProgrammingError as refused:  # append-only tables refuse the statement itself
                assert "permission denied" in str(refused)
    with tenant(beta):
        assert model._base_manager.filter(pk=theirs.pk).count() == 1


@pytest.mark.parametrize("model", ALL_TENANT_MODELS, ids=lambda m: m._meta.label)
def test_without_an_organisation_every_model_refuses(model: type[models.Model], db: None) -> None:
    with pytest.raises(TenantNotSet):
        list(model._base_manager.all())
    with pytest.raises(TenantNotSet):
        with transaction.atomic():
            model._base_manager.filter(pk="018f0000-0000-7000-8000-000000000000").delete()
    table = connection.ops.quote_name(model._meta.db_table)
    for statement in (f"SELECT count(*) FROM {table}", f"SELECT * FROM {table}"):
        with pytest.raises(DatabaseError, match="no tenant set"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    with platform(), pytest.raises(DatabaseError, match="no tenant set"), transaction.atomic():
        list(model._base_manager.all())


# -- what the walls catch -----


def test_a_reference_to_the_other_organisations_row_is_refused(alpha: Organization, beta: Organization) -> None:
    with tenant(alpha):
        survey = make_row(Survey)
    with tenant(beta), pytest.raises(IntegrityError, match="foreign key"), transaction.atomic():
        SurveyVersion.objects.create(survey_id=survey.pk, number=1, definition={})


def test_a_row_cannot_be_written_for_or_moved_to_another_organisation(alpha: Organization, beta: Organization) -> None:
    with tenant(beta):
        unit = make_row(Unit)
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Unit.objects.create(name="x", code="x", tenant=alpha)
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("UPDATE organizations_unit SET tenant_id = %s", [alpha.pk])
    with tenant(alpha):
        with pytest.raises(DatabaseError), transaction.atomic():
            unit.save()
        assert unit.delete()[0] == 0
    with tenant(beta):
        assert Unit.objects.count() == 1


def test_the_same_id_and_the_same_key_may_exist_in_both(alpha: Organization, beta: Organization) -> None:
    """A unique error across organisations would tell that the other one has such a row."""
    with tenant(alpha):
        unit = Unit.objects.create(name="North", code="north")
    with tenant(beta):
        Unit.objects.create(id=unit.pk, name="North", code="north")
        with pytest.raises(IntegrityError), transaction.atomic():
            Unit.objects.create(name="North again", code="north")


def test_a_person_sees_the_own_memberships_and_can_change_none_of_them(
    alpha: Organization, beta: Organization, django_user_model: type
) -> None:
    alice, bob = (django_user_model.objects.create_user(f"{name}@example.org") for name in ("alice", "bob"))
    for organization, person in ((alpha, alice), (beta, alice), (beta, bob)):
        with tenant(organization):
            Membership.objects.create(user=person, organization=organization)
    assert Membership.objects.count() == 0
    with acting_user(alice):
        assert Membership.objects.count() == 2
        assert Membership.objects.all().delete()[0] == 0
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Membership.objects.create(user=bob, organization=alpha)
    with acting_user(bob):
        assert Membership.objects.get().organization == beta
    with tenant(beta):
        assert Membership.objects.count() == 2


# -- the ORM, behind the walls -----


def test_every_statement_of_the_orm_names_the_organisation(alpha: Organization, beta: Organization) -> None:
    for organization in (beta, alpha):
        with tenant(organization):
            make_map("first")
            make_map("second")
    with tenant(alpha), CaptureQueriesContext(connection) as queries:
        steps = Step.objects.select_related("stage__journey").prefetch_related(
            Prefetch("placements", StepTouchpoint.objects.select_related("touchpoint")), "cards"
        )
        assert {step.stage.journey.name for step in steps} == {"first", "second"}
        assert [len(step.cards.all()) for step in steps] == [1, 1]
        journeys = Journey.objects.annotate(
            n=Count("stages__steps__cards"),
            last=Subquery(Stage.objects.filter(journey=OuterRef("pk")).values("name")[:1]),
            has=Exists(Stage.objects.filter(journey=OuterRef("pk"))),
        ).filter(Q(n__gte=1), has=True)
        assert [(j.n, j.last) for j in journeys] == [(1, "Order"), (1, "Order")]
        assert Journey.objects.exclude(stages__steps__cards__text="waits").count() == 0
        assert Journey.objects.filter(stages__steps__cards__lane="none").union(Journey.objects.all()).count() == 2
        assert Journey.objects.values("metric").annotate(n=Count("id"), r=Avg("revision")).get()["n"] == 2
        ranked = Journey.objects.annotate(place=Window(Rank(), order_by=F("name").asc())).filter(place=1)
        assert ranked.get().name == "first"
        assert Stage.objects.filter(journey__name="first").update(name="Ordering") == 1
        assert Card.objects.filter(step__stage__journey__name="second").delete()[0] == 1
        Journey.objects.filter(name="first").get().delete()
        assert len(Touchpoint.objects.in_bulk()) == 2
        assert len(list(Journey.objects.iterator(chunk_size=1))) == 1
    statements = [q["sql"] for q in queries if "SAVEPOINT" not in q["sql"]]
    assert len(statements) > 15
    for sql in statements:
        assert "tenant_id" in sql or sql.startswith(("DECLARE", "FETCH")), sql
    with tenant(beta):
        assert Journey.objects.count() == 2 and Card.objects.count() == 2


def test_bulk_writes_and_upserts_find_the_composite_key(alpha: Organization) -> None:
    with tenant(alpha):
        made = Unit.objects.bulk_create([Unit(name="u", code=f"u{i}") for i in range(20)], batch_size=7)
        for unit in made:
            unit.name = "bulk"
        Unit.objects.bulk_update(made[:10], ["name"])
        assert Unit.objects.filter(name="bulk").count() == 10
        for target in (["tenant", "code"], ["code"]):
            again = [Unit(name=f"by {target}", code=f"u{i}") for i in range(5)]
            Unit.objects.bulk_create(again, update_conflicts=True, unique_fields=target, update_fields=["name"])
            assert Unit.objects.filter(name=f"by {target}").count() == 5
        Unit.objects.bulk_create(
            [Unit(id=made[7].pk, name="by id", code="u7")],
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["name"],
        )
        Unit.objects.bulk_create([Unit(name="ignored", code="u1")], ignore_conflicts=True)
        assert Unit.objects.get(code="u7").name == "by id" and Unit.objects.count() == 20
        unit, fresh = Unit.objects.update_or_create(code="u2", defaults={"name": "updated"})
        assert (unit.name, fresh) == ("updated", False)
        child = Unit.objects.create(name="c", code="c", parent=unit)
        with pytest.raises(models.ProtectedError):
            unit.delete()
        child.parent = None
        child.save()
        assert unit.delete()[0] == 1


# -- what the server knows, and for how long -----


def test_the_announcement_follows_the_scope_and_ends_with_it(alpha: Organization, beta: Organization) -> None:
    with tenant(alpha):
        assert announced() == ("cxm_app", str(alpha.pk))
        with tenant(beta):
            assert announced()[1] == str(beta.pk)
        assert announced()[1] == str(alpha.pk)
        with no_tenant():
            assert not announced()[1]
    assert not announced()[1]


def test_savepoints_and_failed_statements_leave_the_outer_scope(alpha: Organization, beta: Organization) -> None:
    with tenant(alpha):
        Unit.objects.create(name="A", code="a")
    with tenant(beta):
        Unit.objects.create(name="B", code="b")
    with tenant(alpha):
        with pytest.raises(IntegrityError), transaction.atomic(), tenant(beta):
            Unit.objects.create(name="B twice", code="b")
        assert announced()[1] == str(alpha.pk) and Unit.objects.get().code == "a"
        with pytest.raises(ZeroDivisionError), transaction.atomic(), tenant(beta):
            assert Unit.objects.get().code == "b"
            raise ZeroDivisionError
        assert Unit.objects.get().code == "a"


def test_a_statement_that_dies_on_the_client_does_not_leave_the_former_scope(
    alpha: Organization, beta: Organization
) -> None:
    with tenant(alpha):
        make_row(Unit)
        Unit.objects.count()
        with tenant(beta):
            with pytest.raises(IndexError), connection.cursor() as cursor:
                cursor.cursor.execute("SELECT %s, %s", ["only one"])  # never sent
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM organizations_unit")
                assert cursor.fetchone() == (0,)


def test_a_session_setting_left_by_somebody_else_does_not_stand_in(alpha: Organization) -> None:
    with tenant(alpha):
        make_row(Unit)
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('cxm.tenant_id', %s, false)", [str(alpha.pk)])
    connection._forget()  # as at the start of the next transaction on this pooled connection
    with pytest.raises(DatabaseError, match="no tenant set"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM organizations_unit")


def test_a_queryset_belongs_to_the_scope_it_is_evaluated_in(alpha: Organization, beta: Organization) -> None:
    with tenant(alpha):
        make_row(Unit)
        units = Unit.objects.all()
    with pytest.raises(TenantNotSet):
        list(units)
    with tenant(beta):
        assert list(units) == []


def test_a_new_thread_starts_with_no_organisation(alpha: Organization) -> None:
    with tenant(alpha), ThreadPoolExecutor(1) as pool:
        assert pool.submit(current_scope).result() is None


@pytest.mark.django_db(transaction=True)
def test_autocommit_locks_and_named_cursors_keep_the_wall() -> None:
    alpha = Organization.objects.create(slug="alpha", name="Alpha")
    beta = Organization.objects.create(slug="beta", name="Beta")
    with tenant(alpha):  # no transaction at all
        Unit.objects.bulk_create([Unit(name="u", code=f"u{i}") for i in range(4)])
        assert len(list(Unit.objects.iterator())) == 4
    taken: dict[int, set[object]] = {}
    first, second = threading.Event(), threading.Event()

    def claim(number: int, mine: threading.Event, other: threading.Event) -> None:
        with tenant(alpha), transaction.atomic():
            taken[number] = set(Unit.objects.select_for_update(skip_locked=True).values_list("code", flat=True)[:2])
            mine.set()
            other.wait(10)
        connection.close()

    threads = [threading.Thread(target=claim, args=args) for args in ((1, first, second), (2, second, first))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken[1]) == len(taken[2]) == 2 and not taken[1] & taken[2]
    with tenant(alpha), transaction.atomic():
        assert len(list(Unit.objects.iterator(chunk_size=2))) == 4
    with tenant(beta):
        assert list(Unit.objects.iterator()) == []
    assert not announced()[1]
