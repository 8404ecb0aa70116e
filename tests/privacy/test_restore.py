"""A real backup, an erasure, a real restore: the person is not back, and everybody else is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from django.test import override_settings

from apps.customers.models import Customer
from apps.organizations.models import Organization
from apps.privacy.erasure import erase_customer
from apps.surveys.models import Response
from cxm.db import roles
from cxm.scope import tenant
from tests.factories import an_organization
from tests.factories.customers import a_customer
from tests.factories.surveys import a_survey, an_answer
from tests.privacy.conftest import SYSTEM
from tests.privacy.searching import tables_with

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


def url_of(user: str, password: str) -> str:
    """The test's own database as another role."""
    values = connection.settings_dict
    query = {"host": values["HOST"] or "localhost", **({"port": values["PORT"]} if values["PORT"] else {})}
    return f"postgresql://{quote(user)}:{quote(password)}@/{values['NAME']}?{urlencode(query)}"


@pytest.fixture
def roles_of_test_database(folders: Path) -> Iterator[None]:
    """Backup and restore of the test's database, as the roles that do it for an installation."""
    owner = settings.DATABASES["owner"]
    password = urlsplit(settings.BACKUP_DATABASE_URL).password or ""
    with override_settings(
        BACKUP_DATABASE_URL=url_of(roles.BACKUP, password),
        OWNER_DATABASE_URL=url_of(owner["USER"], owner["PASSWORD"] or ""),
    ):
        yield


def test_restored_backup_is_cleaned_of_whoever_was_erased_since(
    roles_of_test_database: None, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme: Organization = an_organization("Acme")
    with tenant(acme):
        gone = a_customer(name="Gonzo Gonesson", email="gonzo@example.com")
        stays = a_customer(name="Stella Stays")
        answer = an_answer(a_survey(), 3, "Gonzo was here", customer_id=gone.pk)
    backup = tmp_path / "backup.tar"
    call_command("backup", str(backup))
    with tenant(acme):
        erase_customer(actor=SYSTEM, customer=gone.pk)
        assert list(Customer.records.values_list("pk", flat=True)) == [stays.pk]
    connections.close_all()
    monkeypatch.setitem(connections["owner"].settings_dict, "NAME", connection.settings_dict["NAME"])
    call_command("restore", str(backup), "--yes")
    assert "Erased again, as the journal of erasures says: 1" in capsys.readouterr().out
    with tenant(acme):
        assert list(Customer.records.values_list("pk", flat=True)) == [stays.pk]
        restored = Response.objects.get(pk=answer.pk)
        assert (restored.score, restored.comment, restored.customer_id) == (3, "", None)
        with connection.cursor() as cursor:
            assert tables_with(cursor, "gonzo") == []
            assert tables_with(cursor, "stella") != []
