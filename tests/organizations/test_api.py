"""``units/`` and ``members/`` through the API's door."""

import pytest

from apps.accounts.models import User
from apps.organizations import queries, services
from apps.organizations.models import ColleagueInvitation, Unit
from cxm.scope import tenant
from tests.factories import a_member, an_actor, an_api_client, an_organization

pytestmark = pytest.mark.django_db

UNITS = "/api/v1/units/"
MEMBERS = "/api/v1/members/"


@pytest.fixture
def acme():
    return an_organization("Acme")


@pytest.fixture
def api(acme):
    return an_api_client(acme)


def post(client, url, data):
    return client.post(url, data, format="json")


# -- units ------------------------------------------------------------------------------------------------------------


def test_unit_is_made_read_moved_and_removed(api):
    north = post(api, UNITS, {"name": "North"})
    assert north.status_code == 201
    assert north.json()["code"] == "north"
    berlin = post(api, UNITS, {"name": "Berlin", "code": "b", "parent": north.json()["id"]}).json()
    assert berlin["parent"] == north.json()["id"]
    address = f"{UNITS}{berlin['id']}/"
    moved = api.patch(address, {"parent": None, "valid_to": "2026-12-31"}, format="json")
    assert (moved.json()["parent"], moved.json()["valid_to"]) == (None, "2026-12-31")
    assert api.get(address).json() == moved.json()
    assert {row["name"] for row in api.get(UNITS).json()["results"]} == {"North", "Berlin"}
    assert api.delete(address).status_code == 204
    assert api.get(address).status_code == 404


def test_units_are_filtered_as_on_the_page(api):
    north = post(api, UNITS, {"name": "North", "valid_to": "2026-05-31"}).json()
    post(api, UNITS, {"name": "Berlin", "parent": north["id"]})

    def names(**query):
        return [row["name"] for row in api.get(UNITS, query).json()["results"]]

    assert names(q="ber") == ["Berlin"]
    assert names(parent=north["id"]) == ["Berlin"]
    assert names(on="2026-06-01") == ["Berlin"]
    assert names(ordering="-name") == ["North", "Berlin"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": ["North"]}, "name"),
        ({"name": "North", "parent": "nonsense"}, "parent"),
        ({"name": "North", "parent": "00000000-0000-7000-8000-000000000000"}, "parent"),
        ({"name": "North", "valid_from": "yesterday"}, "valid_from"),
        ({"name": "North", "valid_from": "2026-02-01", "valid_to": "2026-01-01"}, "valid_to"),
        ({"name": "North", "code": "x" * 65}, "code"),
    ],
)
def test_impossible_unit_is_refused_by_field(api, body, field):
    answer = post(api, UNITS, body)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    "body", ["[]", "null", "7", '"x"', "{", '{"name": "\\u0000"}', '{"name": "\\ud800"}', "[" * 5000]
)
def test_hostile_bodies_are_refused(api, body):
    for method, url in (("post", UNITS), ("post", MEMBERS)):
        answer = getattr(api, method)(url, body, content_type="application/json")
        assert answer.status_code == 400, (url, body)


def test_code_in_use_is_a_conflict(api):
    post(api, UNITS, {"name": "North", "code": "n"})
    assert post(api, UNITS, {"name": "Nord", "code": "n"}).status_code == 409


def test_if_match_keeps_two_writers_apart(api):
    made = post(api, UNITS, {"name": "North"})
    address = f"{UNITS}{made.json()['id']}/"
    tag = api.get(address)["ETag"]
    assert api.patch(address, {"name": "Nord"}, format="json", HTTP_IF_MATCH=tag).status_code == 200
    assert api.patch(address, {"name": "Norden"}, format="json", HTTP_IF_MATCH=tag).status_code == 412
    assert api.get(address).json()["name"] == "Nord"


def test_units_of_another_organisation_are_unknown(api):
    other = an_organization("Other")
    with tenant(other):
        theirs = services.create_unit(actor=an_actor(other), name="Theirs")
    never = "00000000-0000-7000-8000-000000000000"
    for method in ("get", "patch", "delete"):
        here, nowhere = (getattr(api, method)(f"{UNITS}{pk}/", {}, format="json") for pk in (theirs.pk, never))
        assert here.status_code == nowhere.status_code == 404
        assert here.json() == nowhere.json()
    assert post(api, UNITS, {"name": "Mine", "parent": str(theirs.pk)}).status_code == 400
    with tenant(other):
        assert Unit.objects.get().name == "Theirs"


# -- members ----------------------------------------------------------------------------------------------------------


def test_members_are_listed_with_their_roles(acme, api):
    with tenant(acme):
        north = services.create_unit(actor=an_actor(acme), name="North")
    bob = a_member(acme, "agent", unit=north, name="Bob")
    found = {row["email"]: row for row in api.get(MEMBERS).json()["results"]}
    assert found[bob.email]["roles"] == [{"role": "agent", "unit": str(north.pk)}]
    assert (found[bob.email]["role"], found[bob.email]["unit"]) == ("agent", str(north.pk))
    assert found[bob.email]["state"] == "active"
    assert [row["email"] for row in api.get(MEMBERS, {"role": "agent"}).json()["results"]] == [bob.email]
    assert [row["email"] for row in api.get(MEMBERS, {"q": "bob"}).json()["results"]] == [bob.email]


def test_creating_a_member_invites(acme, api):
    answer = post(api, MEMBERS, {"email": "Bob@Example.com", "role": "analyst"})
    assert answer.status_code == 201
    assert answer.json()["state"] == "invited"
    address = f"{MEMBERS}{answer.json()['id']}/"
    assert api.get(address).json() == answer.json()
    assert [row["email"] for row in api.get(MEMBERS, {"state": "invited"}).json()["results"]] == ["bob@example.com"]
    assert not User.objects.filter(email="bob@example.com").exists()
    assert api.patch(address, {"role": "manager"}, format="json").json()["role"] == "manager"
    assert api.delete(address).status_code == 204
    assert api.get(address).status_code == 404
    with tenant(acme):
        assert ColleagueInvitation.objects.get().revoked_at is not None


def test_role_is_changed_and_member_deactivated(acme, api):
    bob = a_member(acme, "agent")
    [row] = api.get(MEMBERS, {"role": "agent"}).json()["results"]
    address = f"{MEMBERS}{row['id']}/"
    changed = api.patch(address, {"role": "analyst"}, format="json")
    assert (changed.status_code, changed.json()["role"]) == (200, "analyst")
    assert api.delete(address).status_code == 204
    assert api.get(address).json()["state"] == "deactivated"
    assert queries.organizations_of(bob) == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "email"),
        ({"email": "bob", "role": "agent"}, "email"),
        ({"email": "bob@example.com"}, "role"),
        ({"email": "bob@example.com", "role": "king"}, "role"),
        ({"email": "bob@example.com", "role": "agent", "unit": 7}, "unit"),
        ({"email": "bob@example.com", "role": "agent", "unit": "00000000-0000-7000-8000-000000000000"}, "unit"),
    ],
)
def test_impossible_invitation_is_refused_by_field(api, body, field):
    answer = post(api, MEMBERS, body)
    assert answer.status_code == 400
    assert field in [error["field"] for error in answer.json()["errors"]]


def test_a_key_gives_no_role_beyond_its_scopes(acme):
    weak = an_api_client(acme, ["members.view", "members.manage"])
    assert post(weak, MEMBERS, {"email": "bob@example.com", "role": "admin"}).status_code == 403
    strong = an_api_client(acme)
    assert post(strong, MEMBERS, {"email": "bob@example.com", "role": "admin"}).status_code == 201
    assert post(strong, MEMBERS, {"email": "eve@example.com", "role": "owner"}).status_code == 403


def test_last_owner_is_not_deactivated_by_a_key(acme, api):
    [row] = api.get(MEMBERS, {"role": "owner"}).json()["results"]
    assert api.delete(f"{MEMBERS}{row['id']}/").status_code in (403, 409)
    with tenant(acme):
        assert queries.owners().count() == 1


def test_members_of_another_organisation_are_unknown(api):
    other = an_organization("Other")
    with tenant(other):
        member = queries.members(an_actor(other)).first()
    assert api.get(f"{MEMBERS}{member.pk}/").status_code == 404
    assert api.delete(f"{MEMBERS}{member.pk}/").status_code == 404
    assert str(member.pk) not in str(api.get(MEMBERS).json())


def test_number_of_queries_of_the_list_does_not_grow(acme, api):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def queries_with(more: int) -> int:
        for _ in range(more):
            a_member(acme, "agent")
        with CaptureQueriesContext(connection) as captured:
            api.get(MEMBERS)
        return len(captured)

    queries_with(1)
    assert queries_with(1) == queries_with(2)
