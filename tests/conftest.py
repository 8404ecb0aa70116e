"""Every test runs behind the wall: as the web's database role, with no organisation in force until it enters one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import connection
from django.test import override_settings

from cxm.db import roles


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """The owner makes and migrates the test database, from the provisioned template."""
    connection.settings_dict["TEST"]["TEMPLATE"] = "cxm_template"


@pytest.fixture(scope="session")
def django_db_setup(django_db_modify_db_settings: None, request: pytest.FixtureRequest) -> Iterator[None]:
    """Create and migrate as the owner, then become the web's role for good."""
    owner = settings.DATABASES["owner"]
    app = {key: connection.settings_dict[key] for key in ("USER", "PASSWORD")}
    connection.settings_dict.update(USER=owner["USER"], PASSWORD=owner["PASSWORD"])
    request.getfixturevalue("_database_made_by_owner")
    blocker = request.getfixturevalue("django_db_blocker")
    with blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute(f"GRANT TRUNCATE ON ALL TABLES IN SCHEMA public TO {roles.APP}")
        connection.close()
    connection.settings_dict.update(app)
    yield
    with blocker.unblock():
        connection.close()
    connection.settings_dict.update(USER=owner["USER"], PASSWORD=owner["PASSWORD"])


@pytest.fixture(scope="session")
def _database_made_by_owner(
    request: pytest.FixtureRequest,
    django_test_environment: None,
    django_db_blocker: pytest.FixtureRequest,
    django_db_use_migrations: bool,
    django_db_keepdb: bool,
    django_db_createdb: bool,
    django_db_modify_db_settings: None,
) -> Iterator[None]:
    """pytest-django's own set-up, under a name of ours so that its tear-down runs as the owner again."""
    from django.test.utils import setup_databases, teardown_databases

    options = {"keepdb": django_db_keepdb and not django_db_createdb}
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, serialized_aliases=[], **options)
    yield
    if not django_db_keepdb:
        with django_db_blocker.unblock():
            teardown_databases(made, verbosity=0)


@pytest.fixture(scope="session", autouse=True)
def quick_settings() -> Iterator[None]:
    """Static files as they lie in ``static/``, not collected and hashed before a run; passwords hashed in no time."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    with override_settings(
        STORAGES={**settings.STORAGES, "staticfiles": plain},
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    ):
        yield
