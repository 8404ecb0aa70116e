"""The audit log: complete, unchangeable, readable by those who may."""

import csv
import io
from datetime import UTC, datetime

import pytest
from django.db import ProgrammingError, connection, transaction

from apps.audit.models import AuditEntry
from apps.audit.queries import entries, in_blocks
from apps.audit.services import record
from apps.organizations import services
from cxm.actor import Actor
from cxm.scope import tenant
from cxm.web.urls import org_url
from tests.factories import a_member, a_person, an_actor, an_api_client, an_organization, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    return an_organization("Acme", owner=a_person("Alice"))


@pytest.fixture
def admin(acme):
    return a_member(acme, "admin", name="Ada Admin")


def an_entry(action="x.done", at=None, actor=None) -> AuditEntry:
    if at is not None:
        return AuditEntry.objects.create(actor_kind="system", action=action, at=at)
    return record(actor=actor or Actor.system("test"), action=action)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditentry SET action = 'forged'",
        "DELETE FROM audit_auditentry",
        "UPDATE audit_auditentry SET at = now() WHERE false",
    ],
)
def test_the_apps_role_cannot_change_or_remove_a_line(acme, statement):
    with tenant(acme):
        before = list(AuditEntry.objects.values())
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(statement)
        assert list(AuditEntry.objects.values()) == before


def test_neither_can_the_orm(acme):
    with tenant(acme):
        entry = an_entry()
        for change in (entry.delete, AuditEntry.objects.all().delete, lambda: AuditEntry.objects.update(action="x")):
            with pytest.raises(ProgrammingError), transaction.atomic():
                change()


def test_a_line_holds_ids_and_names_of_fields_and_no_personal_value(acme, admin):
    with tenant(acme):
        actor = Actor(kind="user", id=admin.pk, name="Ada Admin", ip="203.0.113.7")
        unit = services.create_unit(actor=an_actor(acme), name="North")
        entry = record(actor=actor, action="customers.viewed", target=unit, fields=["email"])
        entry.refresh_from_db()
    assert (entry.actor_id, entry.actor_name, entry.ip) == (admin.pk, "", "203.0.113.7")
    assert (entry.target_type, entry.target_id, entry.fields) == ("organizations.unit", unit.pk, ["email"])


def test_page_shows_who_what_when_and_from_where(acme, admin):
    browser = signed_in(admin)
    browser.post(org_url(acme, "organizations:scoring"), {"inactivity_days": "30"}, REMOTE_ADDR="203.0.113.99")
    content = browser.get(org_url(acme, "audit:log")).content.decode()
    for word in ("Ada Admin", "organizations.settings_changed", "inactivity_days", "203.0.113.99"):
        assert word in content


def test_page_filters_by_actor_action_and_day(acme, admin):
    browser = signed_in(admin)
    with tenant(acme):
        an_entry("surveys.published", datetime(2026, 5, 1, 12, tzinfo=UTC))
        an_entry("surveys.closed", datetime(2026, 5, 2, 12, tzinfo=UTC))
        an_entry(
            "ideas.submitted",
            datetime(2026, 5, 2, 12, tzinfo=UTC),
        )
        mine = record(actor=Actor(kind="user", id=admin.pk), action="ideas.voted")

    def shown(**query):
        response = browser.get(org_url(acme, "audit:log"), query)
        return {row.entry.action for row in response.context["rows"]}

    assert shown(action="surveys.") == {"surveys.published", "surveys.closed"}
    assert shown(**{"from": "2026-05-02", "to": "2026-05-02"}) == {"surveys.closed", "ideas.submitted"}
    assert shown(to="2026-05-01") == {"surveys.published"}
    assert shown(actor=str(mine.actor_id)) == {"ideas.voted"}
    assert "organizations.created" not in shown(actor_kind="system")


def test_days_are_the_organisations(acme, admin):
    with tenant(acme):
        services.update_settings(actor=an_actor(acme), timezone="Pacific/Auckland")
        an_entry("x.late", datetime(2026, 5, 1, 13, tzinfo=UTC))
    response = signed_in(admin).get(org_url(acme, "audit:log"), {"from": "2026-05-02", "to": "2026-05-02"})
    assert {row.entry.action for row in response.context["rows"]} == {"x.late"}


@pytest.mark.parametrize(
    "query",
    [
        {"from": "yesterday"},
        {"to": "9999-12-31"},
        {"from": "0001-01-01"},
        {"actor": "nobody"},
        {"action": "\x00"},
        {"page": "9" * 30},
        {"actor_kind": "king"},
        {"action": "%_\\"},
    ],
)
def test_odd_filters_never_break_the_page(acme, admin, query):
    for name in ("audit:log", "audit:export"):
        assert signed_in(admin).get(org_url(acme, name), query).status_code in (200, 422)


def test_log_of_another_organisation_stays_there(acme, admin):
    other = an_organization("Other")
    with tenant(other):
        an_entry("secret.of_other")
    browser = signed_in(admin)
    assert b"secret.of_other" not in browser.get(org_url(acme, "audit:log")).content
    assert browser.get(org_url(other, "audit:log")).status_code == 404
    assert "secret.of_other" not in str(an_api_client(acme).get("/api/v1/audit/").json())


def test_export_is_csv_without_live_formulas_and_is_itself_logged(acme, admin):
    with tenant(acme):
        AuditEntry.objects.create(actor_kind="key", actor_name='=HYPERLINK("http://evil")', action="x.done")
    response = signed_in(admin).get(org_url(acme, "audit:export"))
    text = b"".join(response.streaming_content).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert "attachment" in response["Content-Disposition"]
    assert {row["action"] for row in rows} >= {"x.done", "organizations.created", "audit.exported"}
    assert [row["who"] for row in rows if row["action"] == "x.done"] == ['\'=HYPERLINK("http://evil")']


def test_export_reads_block_by_block_and_loses_nothing(acme):
    with tenant(acme):
        moment = datetime(2026, 5, 1, tzinfo=UTC)
        made = {an_entry("x.done", moment).pk for _ in range(7)}
        blocks = list(in_blocks(entries().filter(action="x.done"), size=3))
    assert [len(block) for block in blocks] == [3, 3, 1]
    assert {entry.pk for block in blocks for entry in block} == made


@pytest.mark.parametrize("role", ["manager", "analyst", "employee", "agent"])
def test_other_roles_do_not_read_the_log(acme, role):
    browser = signed_in(a_member(acme, role))
    assert browser.get(org_url(acme, "audit:log")).status_code == 403
    assert browser.get(org_url(acme, "audit:export")).status_code == 403


def test_api_lists_and_reads_but_never_writes(acme):
    client = an_api_client(acme, ["audit.view"])
    listed = client.get("/api/v1/audit/", {"action": "organizations."}).json()
    assert {row["action"] for row in listed["results"]} >= {"organizations.created", "organizations.key_created"}
    address = f"/api/v1/audit/{listed['results'][0]['id']}/"
    assert client.get(address).json() == listed["results"][0]
    for method in ("post", "put", "patch", "delete"):
        assert getattr(client, method)(address).status_code == 405


def test_api_pages_through_the_log(acme):
    with tenant(acme):
        for _ in range(5):
            an_entry()
    client = an_api_client(acme)
    seen, url = [], "/api/v1/audit/?limit=2"
    while url:
        answer = client.get(url).json()
        seen += [row["id"] for row in answer["results"]]
        url = answer["next"]
    assert len(seen) == len(set(seen)) >= 7


def test_number_of_queries_does_not_grow_with_the_log(acme, admin):
    from django.test.utils import CaptureQueriesContext

    browser = signed_in(admin)

    def queries_with(more: int) -> int:
        with tenant(acme):
            for _ in range(more):
                an_entry(actor=Actor(kind="user", id=a_person().pk))
        with CaptureQueriesContext(connection) as captured:
            browser.get(org_url(acme, "audit:log"))
        return len(captured)

    queries_with(1)
    assert queries_with(1) == queries_with(2)
