"""The role matrix against everything there is: every page and every API operation, for every role.

Driven by the resolver, so a new page or operation is covered the moment it has an address; one that names no
permission fails the build. Ids in addresses are of things that never existed: permission is decided before a thing is
looked up, so an allowed role gets 404 there and a role without the right gets 403.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.converters import IntConverter, UUIDConverter

from apps.organizations import roles
from tests.factories import a_member, an_api_client, an_organization, signed_in

pytestmark = pytest.mark.django_db

ORGANIZATION_ROOT = "o/<slug:org>/"
API_ROOT = "api/v1/"

#: A key may make 200 requests at once; a fresh one is taken in time.
REQUESTS_A_KEY = 150


@dataclass(frozen=True)
class Address:
    """One pattern of the resolver: its whole route, and the view behind it."""

    route: str
    callback: Any
    converters: tuple[tuple[str, Any], ...]

    def path(self, slug: str) -> str:
        """An address of this shape, with ids of nothing."""
        path = self.route
        for name, converter in self.converters:
            value = slug if name == "org" else _sample(converter)
            path = path.replace(f"<{_kind(converter)}:{name}>", value).replace(f"<{name}>", value)
        return "/" + path


def _kind(converter: Any) -> str:
    return type(converter).__name__.removesuffix("Converter").lower().replace("string", "str")


def _sample(converter: Any) -> str:
    if isinstance(converter, UUIDConverter):
        return str(uuid.uuid4())
    return "1" if isinstance(converter, IntConverter) else "nothing-here"


def addresses(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[Address]:
    """Every pattern of the site."""
    for entry in (resolver or get_resolver()).url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            for address in addresses(entry, route):
                converters = (*entry.pattern.converters.items(), *address.converters)
                yield Address(address.route, address.callback, converters)
        elif isinstance(entry, URLPattern):
            yield Address(route, entry.callback, tuple(entry.pattern.converters.items()))


def pages() -> list[Address]:
    """The pages of an organisation."""
    return [address for address in addresses() if address.route.startswith(ORGANIZATION_ROOT)]


@dataclass(frozen=True)
class Operation:
    """One method of one API address, and the permission its view names for it."""

    path: str
    method: str
    permission: str | None


def operations() -> list[Operation]:
    """Every operation of the API that stands behind a key."""
    found: list[Operation] = []
    for address in addresses():
        view = getattr(address.callback, "cls", None)
        if view is None or not address.route.startswith(API_ROOT):
            continue
        path = _api_path(address)
        actions = getattr(address.callback, "actions", None)
        if actions is None:
            actions = {name: name for name in view.http_method_names if name != "options" and hasattr(view, name)}
        for method, action in actions.items():
            found.append(Operation(path, method, view.required_permissions.get(action)))
    return found


def _api_path(address: Address) -> str:
    """The address with ids of nothing, whether its route is a path or a regular expression."""
    route = address.route.replace("^", "").replace("$", "").replace("\\Z", "")
    route = re.sub(r"\(\?P<\w+>[^()]*(?:\([^()]*\)[^()]*)*\)", str(uuid.uuid4()), route)
    return Address(route, address.callback, address.converters).path("")


# -- nothing is open by forgetting -------------------------------------------------------------------------------------


def test_every_page_names_a_permission_of_the_matrix():
    forgotten = [
        address.route
        for address in pages()
        if getattr(address.callback, "required_permission", None) not in roles.PERMISSIONS
    ]
    assert forgotten == []
    assert len(pages()) > 30


def test_every_operation_names_a_permission_of_the_matrix():
    forgotten = [(op.method, op.path) for op in operations() if op.permission not in roles.PERMISSIONS]
    assert forgotten == []
    assert len(operations()) > 30


def test_every_page_outside_an_organisation_says_whom_it_is_for():
    forgotten = [
        address.route
        for address in addresses()
        if not address.route.startswith((ORGANIZATION_ROOT, API_ROOT))
        and address.callback.__module__.startswith(("apps.", "cxm."))
        and address.callback.__module__ != "cxm.health"  # for machines: alive, ready, figures
        and not hasattr(address.callback, "public")
    ]
    assert forgotten == []


def test_every_permission_of_the_matrix_is_asked_for_somewhere():
    sources = [path for path in Path(settings.ROOT, "apps").rglob("*.py") if path.name != "roles.py"]
    text = "\n".join(path.read_text() for path in sources)
    assert {permission for permission in roles.PERMISSIONS if f'"{permission}"' not in text} == set()


# -- and everything is as written --------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", roles.ROLES)
def test_pages_answer_a_role_as_the_matrix_says(role):
    organization = an_organization("Acme")
    browser = signed_in(a_member(organization, role))
    browser.raise_request_exception = False
    held = roles.permissions_of(role)
    wrong = []
    for address in pages():
        permission = address.callback.required_permission
        for method in ("GET", "POST"):
            with transaction.atomic():
                status = browser.generic(method, address.path(organization.slug)).status_code
                transaction.set_rollback(True)
            as_written = status != 403 if permission in held else status in (403, 405)
            if status >= 500 or not as_written:
                wrong.append((method, address.route, permission, status))
    assert wrong == []


@pytest.mark.parametrize("role", roles.ROLES)
def test_operations_answer_a_key_with_a_roles_scopes_as_the_matrix_says(role):
    organization = an_organization("Acme")
    scopes = [scope for scope in roles.SCOPES if scope in roles.permissions_of(role)]
    wrong = []
    for number, operation in enumerate(operations()):
        if number % REQUESTS_A_KEY == 0:
            key = an_api_client(organization, scopes)
            key.raise_request_exception = False
        with transaction.atomic():
            answer = key.generic(operation.method.upper(), operation.path, "{}", content_type="application/json")
            transaction.set_rollback(True)
        status = answer.status_code
        refused_as_written = (status == 403) == (operation.permission not in scopes)
        if status >= 500 or status in (401, 429) or not refused_as_written:
            wrong.append((operation, status))
    assert wrong == []


def test_a_key_opens_no_page_and_a_session_no_operation():
    organization = an_organization("Acme")
    key = an_api_client(organization)
    assert key.get(f"/o/{organization.slug}/settings/members/").status_code == 302
    browser = signed_in(a_member(organization, "owner"))
    assert browser.get("/api/v1/members/").status_code == 401
