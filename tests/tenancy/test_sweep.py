"""One organisation requests every address with the other's ids in every slot: it learns and changes nothing.

The other organisation has a row of every model, with a canary in every text. An answer may not contain the canary, must
be that of an id that never existed, and afterwards every row of the other organisation is as it was.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from apps.organizations.models import Organization
from apps.organizations.roles import ROLES
from apps.surveys.models import Survey
from apps.touchpoints.models import Touchpoint
from cxm.scope import tenant
from tests.factories import a_member, an_api_client, an_organization, signed_in
from tests.tenancy.addresses import Address, api_addresses, organization_addresses
from tests.tenancy.rows import TOKEN, make_row, tenant_models

NOBODY = uuid.UUID("018f0000-dead-7000-8000-00000000dead")
METHODS = ("get", "post")
API_METHODS = ("get", "post", "put", "patch", "delete")
ENDS_THE_SWEEP = {"o/<slug:org>/leave/"}  # posting it ends the membership that everything else needs
UNTOUCHED_BY_SWEEP = {"organizations.ApiKey", "api.IdempotencyRecord"}  # last_used_at and requests of our own


class Victim:
    """The other organisation: one row of every model, each with the canary in its texts."""

    def __init__(self) -> None:
        self.organization = an_organization("Victim")
        self.rows: dict[str, Any] = {}
        with tenant(self.organization):
            for model in tenant_models():
                self.rows[model._meta.label] = make_row(model, TOKEN)
        self.before = self.snapshot()

    def snapshot(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every value of every row."""
        with tenant(self.organization):
            return {
                model._meta.label: sorted(model._base_manager.values_list(), key=repr)
                for model in tenant_models()
                if model._meta.label not in UNTOUCHED_BY_SWEEP
            }

    def ids_for(self, app: str) -> list[uuid.UUID]:
        """Ids of its rows of an app, or of all models where the address belongs to no app of ours."""
        own = [row.pk for label, row in self.rows.items() if label.split(".")[0] == app]
        return own or [row.pk for row in self.rows.values()]

    def references(self) -> dict[str, Any]:
        """A body that names its things in every field that can name one."""
        ids = {label.split(".")[1].lower(): str(row.pk) for label, row in self.rows.items()}
        key = self.rows["touchpoints.Touchpoint"].key
        return {
            "name": "x", "title": "x", "purpose": "x", "kind": "nps", "answers": {}, "email": "x@example.org",
            "survey": ids["survey"], "persona": ids["persona"], "journey": ids["journey"], "unit": ids["unit"],
            "owner_unit": ids["unit"], "parent": ids["unit"], "touchpoint": key, "customers": [ids["customer"]],
            "customer": {"id": ids["customer"]}, "into": ids["idea"], "merge_into": ids["idea"], "role": "owner",
            "stages": [{"name": "s", "steps": [{"name": "t", "touchpoints": [key]}]}],
        }  # fmt: skip


@pytest.fixture(autouse=True)
def no_rate_limit(settings: Any) -> None:
    """A sweep asks more in a second than a key may."""
    settings.API_RATE_LIMIT = (100_000, 100_000)


@pytest.fixture
def victim(db: None) -> Iterator[Victim]:
    """Afterwards every row of it is as it was."""
    made = Victim()
    yield made
    assert made.snapshot() == made.before


def app_of(address: Address) -> str:
    view = address.view
    module = getattr(getattr(view, "cls", None) or view, "__module__", "")
    return module.split(".")[1] if module.startswith("apps.") else ""


def fill(address: Address, organization: Organization, identifier: object, key: str) -> str:
    values: dict[str, object] = {}
    for kind, name in address.slots:
        if name == "org":
            values[name] = organization.slug
        elif kind == "int":
            values[name] = 1
        elif kind == "uuid" or name in ("id", "pk") or name.endswith("_id"):
            values[name] = identifier
        else:
            values[name] = key
    return address.path(**values)


def body_of(response: Any) -> str:
    content = b"".join(response.streaming_content) if response.streaming else response.content
    return content.decode(errors="replace")


def test_there_are_addresses_to_sweep() -> None:
    assert len(organization_addresses()) >= 60 and len(api_addresses()) >= 40


@pytest.mark.parametrize("role", [role.name if hasattr(role, "name") else str(role) for role in ROLES])
def test_pages_with_the_others_ids_answer_as_if_they_never_existed(role: str, victim: Victim) -> None:
    mine = an_organization("Mine")
    browser = signed_in(a_member(mine, role))
    requested = 0
    for address in organization_addresses():
        for method in METHODS:
            if method == "post" and address.route in ENDS_THE_SWEEP:
                continue
            call = getattr(browser, method)
            unknown = call(fill(address, mine, NOBODY, "never-was"))
            requested += 1
            for identifier in victim.ids_for(app_of(address)) if len(address.slots) > 1 else []:
                path = fill(address, mine, identifier, TOKEN)
                response = call(path)
                assert response.status_code < 500, f"{method} {path}"
                assert victim.rows["surveys.Survey"].name not in body_of(response), f"{method} {path}"
                assert response.status_code == unknown.status_code, f"{method} {path}: tells that it exists"
    assert requested == len(METHODS) * len(organization_addresses()) - len(ENDS_THE_SWEEP)


def test_nobody_gets_into_the_others_pages(victim: Victim) -> None:
    mine = an_organization("Mine")
    outsider = signed_in(a_member(mine, "owner"))
    for address in organization_addresses():
        for identifier in [NOBODY, *victim.ids_for(app_of(address))[:2]]:
            for method in METHODS:
                path = fill(address, victim.organization, identifier, TOKEN)
                response = getattr(outsider, method)(path)
                assert response.status_code == 404, f"{method} {path}: {response.status_code}"
                assert TOKEN not in body_of(response).replace(path, ""), path
                response = getattr(Client(), method)(path)
                assert response.status_code in (302, 404), f"signed out, {method} {path}: {response.status_code}"


def test_the_api_with_the_others_ids_answers_as_if_they_never_existed(victim: Victim) -> None:
    mine = an_organization("Mine")
    client = an_api_client(mine)
    references = victim.references()
    survey = victim.rows["surveys.Survey"]
    for address in api_addresses():
        for method in API_METHODS:
            unknown = _call(client, method, fill(address, mine, NOBODY, "never-was"), references)
            for identifier in victim.ids_for(app_of(address)) if address.slots else [NOBODY]:
                path = fill(address, mine, identifier, TOKEN)
                response = _call(client, method, path, references)
                text = body_of(response)
                assert response.status_code < 500, f"{method} {path}: {text[:500]}"
                assert survey.name not in text and str(survey.pk) not in text.replace(path, ""), f"{method} {path}"
                if address.slots:
                    assert response.status_code == unknown.status_code, f"{method} {path}: tells that it exists"


def _call(client: Any, method: str, path: str, body: Any) -> Any:
    if method in ("get", "delete"):
        return getattr(client, method)(path)
    return getattr(client, method)(path, json.dumps(body), content_type="application/json")


def test_filters_with_the_others_ids_show_nothing_of_theirs(victim: Victim) -> None:
    mine = an_organization("Mine")
    browser, client = signed_in(a_member(mine, "owner")), an_api_client(mine)
    references = victim.references()
    query = {name: value for name, value in references.items() if isinstance(value, str)}
    query |= {"customer": str(victim.rows["customers.Customer"].pk), "q": TOKEN, "search": TOKEN}
    for address in [*organization_addresses(), *api_addresses()]:
        if [name for _kind, name in address.slots if name != "org"]:
            continue
        caller = client if address.route.startswith("api/") else browser
        response = caller.get(fill(address, mine, NOBODY, ""), query)
        assert response.status_code < 500, address.route
        text = body_of(response)
        for model in (Survey, Touchpoint):
            row = victim.rows[model._meta.label]
            assert row.name not in text, f"{address.route} shows {model.__name__}"


def test_the_canary_is_seen_by_its_own_people(db: None) -> None:
    """The sweep can fail: in their own organisation the texts are there to be read."""
    victim = Victim()
    browser = signed_in(a_member(victim.organization, "owner"))
    assert TOKEN in body_of(browser.get(f"/o/{victim.organization.slug}/customers/"))
