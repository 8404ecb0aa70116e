from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from apps.organizations import roles, services
from apps.organizations.models import ApiKey
from apps.organizations.queries import actor_for
from cxm.errors import Conflict, DomainError, NotAllowed
from cxm.scope import tenant
from tests.factories import a_member, an_actor, an_organization

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    organization = an_organization("Acme")
    with tenant(organization):
        yield organization


def test_key_speaks_for_its_organisation_with_its_scopes(acme):
    key, token = services.create_api_key(actor=an_actor(acme), name="Shop", scopes=["metrics.view", "customers.view"])
    organization, actor = services.authenticate_api_key(token, "203.0.113.7")
    assert organization == acme
    assert (actor.kind, actor.id, actor.ip) == ("key", key.pk, "203.0.113.7")
    assert actor.permissions == {"customers.view", "metrics.view"}


def test_secret_is_not_stored(acme):
    key, token = services.create_api_key(actor=an_actor(acme), name="Shop")
    secret = token.split("_")[4]
    row = ApiKey.objects.filter(pk=key.pk).values().get()
    assert secret not in str(row)
    assert row["hint"] == secret[-4:]


def test_key_without_scopes_named_has_all_its_maker_may_give(acme):
    _, token = services.create_api_key(actor=an_actor(acme, "admin"), name="All")
    assert services.authenticate_api_key(token).actor.permissions == frozenset(roles.SCOPES)


def test_every_changed_character_makes_a_key_worthless(acme):
    _, token = services.create_api_key(actor=an_actor(acme), name="Shop")
    for position in range(0, len(token), 7):
        other = "x" if token[position] != "x" else "y"
        assert services.authenticate_api_key(token[:position] + other + token[position + 1 :]) is None
    for nonsense in ("", "cxm_api", "\x00" * 20, "ä" * 100, token + " ", token * 50):
        assert services.authenticate_api_key(nonsense) is None


def test_right_id_with_another_keys_secret_is_refused(acme):
    from cxm.api.keys import format_key, new_secret

    key, _ = services.create_api_key(actor=an_actor(acme), name="Shop")
    assert services.authenticate_api_key(format_key("api", acme.pk, key.pk, new_secret())) is None


def test_key_of_one_organisation_is_no_key_of_another(acme):
    from cxm.api.keys import format_key, parse_key

    other = an_organization("Other")
    key, token = services.create_api_key(actor=an_actor(acme), name="Shop")
    forged = format_key("api", other.pk, key.pk, parse_key(token).secret)
    assert services.authenticate_api_key(forged) is None


def test_revoked_key_ends_at_once(acme):
    owner = an_actor(acme)
    key, token = services.create_api_key(actor=owner, name="Shop")
    services.revoke_api_key(actor=owner, key=key)
    assert services.authenticate_api_key(token) is None


def test_expired_key_ends(acme):
    ends = timezone.now() + timedelta(days=30)
    _, token = services.create_api_key(actor=an_actor(acme), name="Shop", expires_at=ends)
    with time_machine.travel(ends - timedelta(seconds=1)):
        assert services.authenticate_api_key(token) is not None
    with time_machine.travel(ends):
        assert services.authenticate_api_key(token) is None


def test_key_ends_with_the_account_of_its_maker(acme):
    admin = a_member(acme, "admin")
    _, token = services.create_api_key(actor=actor_for(admin, acme), name="Shop")
    admin.is_active = False
    admin.save()
    assert services.authenticate_api_key(token) is None


def test_write_key_only_creates_answers_and_events_and_is_no_api_key(acme):
    _, token = services.create_api_key(actor=an_actor(acme), name="Site", kind="write")
    assert services.authenticate_api_key(token) is None
    holder = services.authenticate_api_key(token, kind="write")
    assert holder.actor.permissions == {"feedback.create", "interactions.create"}


def test_a_key_gives_no_more_than_its_maker_has(acme):
    maker = an_actor(acme, "admin")
    with pytest.raises(DomainError) as caught:
        services.create_api_key(actor=maker, name="Shop", scopes=["organization.delete"])
    assert caught.value.errors[0]["field"] == "scopes"


@pytest.mark.parametrize("role", ["manager", "analyst", "employee", "agent"])
def test_only_owner_and_admin_manage_keys(acme, role):
    with pytest.raises(NotAllowed):
        services.create_api_key(actor=an_actor(acme, role), name="Shop")


def test_admin_of_a_branch_makes_no_keys(acme):
    north = services.create_unit(actor=an_actor(acme), name="North")
    with pytest.raises(NotAllowed):
        services.create_api_key(actor=an_actor(acme, "admin", unit=north), name="Shop")


def test_two_keys_of_a_name_live_beside_each_other_but_no_third(acme):
    owner = an_actor(acme)
    first, old_token = services.create_api_key(actor=owner, name="Shop")
    _, new_token = services.rotate_api_key(actor=owner, key=first)
    assert services.authenticate_api_key(old_token)
    assert services.authenticate_api_key(new_token)
    with pytest.raises(Conflict):
        services.create_api_key(actor=owner, name="Shop")
    with time_machine.travel(timezone.now() + timedelta(days=8)):
        assert services.authenticate_api_key(old_token) is None
        assert services.authenticate_api_key(new_token)
        services.create_api_key(actor=owner, name="Shop")


def test_rotation_keeps_scopes_and_refuses_a_dead_key(acme):
    owner = an_actor(acme)
    key, _ = services.create_api_key(actor=owner, name="Shop", scopes=["metrics.view"])
    successor, _ = services.rotate_api_key(actor=owner, key=key)
    assert successor.scopes == ["metrics.view"]
    services.revoke_api_key(actor=owner, key=key)
    with pytest.raises(Conflict):
        services.rotate_api_key(actor=owner, key=key)


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("name", {"name": ""}),
        ("name", {"name": "a\x00b"}),
        ("kind", {"kind": "root"}),
        ("scopes", {"scopes": ["everything"]}),
        ("scopes", {"scopes": []}),
        ("scopes", {"kind": "write", "scopes": ["metrics.view"]}),
        ("expires_at", {"expires_at": timezone.now() - timedelta(days=1)}),
        ("expires_at", {"expires_at": timezone.now() + timedelta(days=9999)}),
    ],
)
def test_impossible_keys_are_refused_by_field(acme, field, options):
    with pytest.raises(DomainError) as caught:
        services.create_api_key(actor=an_actor(acme), **{"name": "Shop", **options})
    assert caught.value.errors[0]["field"] == field


def test_proving_a_key_costs_two_queries_and_notes_its_use_once_a_minute(acme, django_assert_num_queries):
    key, token = services.create_api_key(actor=an_actor(acme), name="Shop")
    services.authenticate_api_key(token)
    key.refresh_from_db()
    assert key.last_used_at is not None
    with django_assert_num_queries(2):
        services.authenticate_api_key(token)
    with django_assert_num_queries(0):
        services.authenticate_api_key("cxm_api_nonsense")
