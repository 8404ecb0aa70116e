"""A PostgreSQL server of one's own is prepared by one command or one script, as often as one likes."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from io import StringIO
from pathlib import Path

import psycopg2
import pytest
from django.core.management import CommandError, call_command

from cxm.db.provision import missing_marks
from cxm.embedded import ServiceUrls, ensure_services
from cxm.embedded.paths import wheel_postgres_bin


@pytest.fixture(scope="module")
def server() -> Iterator[ServiceUrls]:
    """A server whose superuser we are; the roles of its own database are left alone by another database's name."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="cxm-test-") as directory:
        Path(directory).chmod(0o755)
        with ensure_services(Path(directory) / "data", valkey=False) as urls:
            yield urls


def provision(*arguments: str) -> dict[str, str]:
    output = StringIO()
    call_command("provision", *arguments, stdout=output, stderr=StringIO())
    return dict(line.split("=", 1) for line in output.getvalue().splitlines())


def test_printed_urls_open_the_prepared_database(server: ServiceUrls) -> None:
    urls = provision(server.database_superuser_url, "--database", "own")
    assert set(urls) == {"DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_PLATFORM_URL", "DATABASE_BACKUP_URL"}
    with closing(psycopg2.connect(urls["DATABASE_OWNER_URL"])) as owner, owner.cursor() as cursor:
        cursor.execute("CREATE TABLE made (n int)")
        assert missing_marks(cursor) == []
        owner.commit()
    with closing(psycopg2.connect(urls["DATABASE_URL"])) as app, app.cursor() as cursor:
        cursor.execute("SELECT current_database(), current_user, extname FROM pg_extension WHERE extname = 'pg_trgm'")
        assert cursor.fetchone() == ("own", "cxm_app", "pg_trgm")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("SELECT * FROM made")


def test_repeating_it_changes_no_password_when_told_so(server: ServiceUrls) -> None:
    urls = provision(server.database_superuser_url, "--database", "own")
    assert provision(server.database_superuser_url, "--database", "own", "--keep-passwords") == {}
    psycopg2.connect(urls["DATABASE_URL"]).close()


def test_printed_script_does_the_same_by_psql(server: ServiceUrls) -> None:
    script = StringIO()
    call_command("provision", "--database", "by script", stdout=script)
    for _ in range(2):
        result = subprocess.run(
            [str(wheel_postgres_bin() / "psql"), "--no-psqlrc", "--quiet", server.database_superuser_url],
            input=script.getvalue(),
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stderr
    there = server.database_superuser_url.replace("/postgres?", "/by%20script?").replace("/cxm?", "/by%20script?")
    with closing(psycopg2.connect(there)) as superuser, superuser.cursor() as cursor:
        assert missing_marks(cursor) == []
        cursor.execute(
            "SELECT has_database_privilege('cxm_app', current_database(), 'CONNECT'), datdba::regrole::text "
            "FROM pg_database WHERE datname = current_database()"
        )
        assert cursor.fetchone() == (True, "cxm_owner")


def test_role_that_is_no_superuser_is_told_so(server: ServiceUrls) -> None:
    urls = provision(server.database_superuser_url, "--database", "own")
    with pytest.raises(CommandError, match="superuser"):
        provision(urls["DATABASE_OWNER_URL"])


def test_server_that_is_not_there_is_said_without_the_password() -> None:
    with pytest.raises(CommandError) as caught:
        provision("postgresql://postgres:hunter22@127.0.0.1:1/postgres")
    assert "hunter22" not in str(caught.value)
