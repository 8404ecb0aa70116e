import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.accounts.models import User
from apps.organizations import roles
from apps.organizations.models import ApiKey, Organization
from apps.organizations.queries import actor_for, organizations_of
from apps.organizations.services import authenticate_api_key
from tests.factories import PASSWORD, a_person

pytestmark = pytest.mark.django_db


def create_org(*args, **options):
    out, err = StringIO(), StringIO()
    options.setdefault("owner_email", "ada@example.com")
    options.setdefault("owner_password", PASSWORD)
    call_command("create_org", *args, stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


def test_last_line_of_stdout_is_the_json_with_working_keys():
    out, _ = create_org("Acme Energy")
    made = json.loads(out.splitlines()[-1])
    assert set(made) == {"slug", "api_key", "write_key"}
    assert made["slug"] == "acme-energy"
    organization, actor = authenticate_api_key(made["api_key"])
    assert organization.slug == "acme-energy"
    assert actor.permissions == frozenset(roles.SCOPES)
    _, writer = authenticate_api_key(made["write_key"], kind=ApiKey.Kind.WRITE)
    assert writer.permissions == roles.WRITE_KEY_SCOPES
    assert authenticate_api_key(made["write_key"]) is None


def test_with_json_there_is_nothing_else_on_stdout():
    out, _ = create_org("Acme", json=True)
    assert len(out.splitlines()) == 1
    json.loads(out)


def test_owner_can_sign_in_although_no_mail_was_ever_sent(client, mailoutbox):
    create_org("Acme", slug="acme")
    assert mailoutbox == []
    assert client.login(email="ada@example.com", password=PASSWORD)
    owner = User.objects.get(email="ada@example.com")
    organization = Organization.objects.get(slug="acme")
    assert organizations_of(owner) == [organization]
    assert actor_for(owner, organization).permissions == roles.permissions_of("owner")


def test_existing_person_becomes_owner_and_keeps_the_password(client):
    a_person("Ada", email="ada@example.com")
    _, err = create_org("Second", owner_email="ADA@example.com", owner_password="something else")
    assert "its password stays as it is" in err
    assert User.objects.filter(email="ada@example.com").count() == 1
    assert client.login(email="ada@example.com", password=PASSWORD)


def test_names_that_collide_get_an_address_of_their_own():
    create_org("Acme")
    out, _ = create_org("Acme", owner_email="bob@example.com")
    assert json.loads(out.splitlines()[-1])["slug"] == "acme-2"


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"timezone": "Mars/Olympus"}, "--timezone"),
        ({"owner_email": "no address"}, "--owner-email"),
        ({"owner_email": "a\x00b@example.com"}, "--owner-email"),
        ({"owner_password": "short"}, "--owner-password"),
        ({"slug": "Not A Slug"}, "--slug"),
        ({"slug": "api"}, "--slug"),
        ({"name": "  "}, "NAME"),
        ({"name": "x" * 200}, "NAME"),
    ],
)
def test_what_cannot_be_is_refused_by_name_and_leaves_nothing(options, names):
    name = options.pop("name", "Acme")
    with pytest.raises(CommandError, match=names):
        create_org(name, **options)
    assert not Organization.objects.exists()
    assert not User.objects.exists()


def test_taken_address_is_refused():
    create_org("Acme", slug="acme")
    with pytest.raises(CommandError, match="--slug"):
        create_org("Other", slug="acme", owner_email="bob@example.com")
    assert not User.objects.filter(email="bob@example.com").exists()


def test_timezone_is_kept():
    create_org("Acme", timezone="Europe/Berlin")
    assert Organization.objects.get().timezone == "Europe/Berlin"


def test_a_short_but_sufficient_password_is_taken_with_a_warning():
    _, err = create_org("Acme", owner_password="password")
    assert "Weak password" in err
