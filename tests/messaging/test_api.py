"""`providers/`: the same accounts as on the pages; credentials go in and never come out."""

from __future__ import annotations

from typing import Any

import pytest

from apps.messaging.credentials import credentials_of
from apps.messaging.models import Provider
from apps.organizations.models import Organization
from tests.factories import an_api_client

from .signing import CREDENTIALS

pytestmark = pytest.mark.usefixtures("inside")
ROOT = "/api/v1/providers/"


@pytest.fixture
def client(organization: Organization) -> Any:
    return an_api_client(organization, ["organization.settings"])


def body(**changes: Any) -> dict[str, Any]:
    return {
        "backend": "mailgun",
        "name": "Ours",
        "sender": "survey@nordwind.example",
        "credentials": CREDENTIALS["mailgun"],
        **changes,
    }


def test_provider_is_made_changed_switched_and_deleted(client: Any) -> None:
    made = client.post(ROOT, body(per_second=5), format="json")
    assert made.status_code == 201
    assert "credentials" not in made.json()
    assert not any(secret in made.content.decode() for secret in CREDENTIALS["mailgun"].values() if "secret" in secret)
    path = f"{ROOT}{made.json()['id']}/"
    assert made.json()["kind"] == "email"
    assert client.post(f"{path}activate/").json()["is_active"] is True
    assert client.get(ROOT, {"is_active": "true", "kind": "email"}).json()["results"][0]["name"] == "Ours"
    assert client.get(ROOT, {"kind": "sms"}).json()["results"] == []
    changed = client.patch(path, {"name": "New", "credentials": {"api_key": "another-key"}}, format="json")
    assert changed.status_code == 200
    provider = Provider.objects.get()
    assert (provider.name, provider.per_second, provider.is_active) == ("New", 5, True)
    assert credentials_of(provider) == CREDENTIALS["mailgun"] | {"api_key": "another-key"}
    assert client.post(f"{path}deactivate/").json()["is_active"] is False
    assert client.delete(path).status_code == 204
    assert not Provider.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"backend": "nobody"}, "backend"),
        ({"name": ""}, "name"),
        ({"sender": "x"}, "sender"),
        ({"credentials": {}}, "credentials.api_key"),
        ({"credentials": {"api_key": "two words"}}, "credentials.api_key"),
        ({"credentials": 5}, "credentials"),
        ({"credentials": {"api_key": {"deep": 1}}}, "credentials.api_key"),
        ({"credentials": {**CREDENTIALS["mailgun"], "sender_domain": "a/b"}}, "credentials.sender_domain"),
        ({"per_second": -1}, "per_second"),
        ({"per_day": 10**30}, "per_day"),
    ],
)
def test_what_cannot_be_is_named(client: Any, changes: dict[str, Any], field: str) -> None:
    answer = client.post(ROOT, body(**changes), format="json")
    assert answer.status_code == 400
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert not Provider.objects.exists()


def test_account_stays_with_its_provider(client: Any) -> None:
    made = client.post(ROOT, body(), format="json").json()
    answer = client.patch(f"{ROOT}{made['id']}/", {"backend": "postmark"}, format="json")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "backend"
