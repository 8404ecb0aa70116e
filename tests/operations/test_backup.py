"""A backup brings back every row and file, or nothing at all."""

from __future__ import annotations

import json
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from cxm.backup import BackupError, Summary, create_backup, restore_backup, verify_backup
from cxm.embedded import ServiceUrls, ensure_services

# A table behind the wall, as the migrations make it, with rows of two organisations; one global; one partitioned.
TABLES = """
    CREATE FUNCTION cxm_tenant() RETURNS uuid LANGUAGE sql STABLE
        AS $$ SELECT nullif(current_setting('cxm.tenant_id', true), '')::uuid $$;
    CREATE TABLE walled (tenant_id uuid NOT NULL, id int, note text, PRIMARY KEY (tenant_id, id));
    ALTER TABLE walled ENABLE ROW LEVEL SECURITY;
    ALTER TABLE walled FORCE ROW LEVEL SECURITY;
    CREATE POLICY tenant_isolation ON walled TO cxm_app USING (tenant_id = cxm_tenant());
    CREATE POLICY owner_all ON walled TO cxm_owner USING (true) WITH CHECK (true);
    GRANT SELECT, INSERT ON walled TO cxm_app;
    CREATE TABLE global (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz, figure float8, raw bytea);
    CREATE TABLE parted (id int, note text) PARTITION BY RANGE (id);
    CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100);
    INSERT INTO walled SELECT ('00000000-0000-0000-0000-00000000000' || n % 2)::uuid, n, 'Grüße "' || n || E'\\n'
        FROM generate_series(1, 500) AS n;
    INSERT INTO global (at, figure, raw) SELECT now() + n * interval '1 hour', random(), decode(md5(n::text), 'hex')
        FROM generate_series(1, 500) AS n;
    INSERT INTO parted SELECT n, 'p' FROM generate_series(1, 50) AS n;
"""


@dataclass
class Installation:
    urls: ServiceUrls
    uploads: Path
    key: Path

    def execute(self, statement: str, url: str = "") -> list[Any]:
        with closing(psycopg2.connect(url or self.urls.database_owner_url)) as connection:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []

    def contents(self) -> list[Any]:
        tables = ("walled", "global", "parted")
        rows = [self.execute(f"SELECT t::text FROM {table} AS t ORDER BY 1") for table in tables]
        files = {str(path.relative_to(self.uploads)): path.read_bytes() for path in self.uploads.rglob("*.*")}
        return [*rows, files, self.key.read_text()]

    def back_up(self, target: Path) -> Summary:
        return create_backup(
            target,
            database_url=self.urls.database_backup_url,
            uploads=self.uploads,
            secret_key=self.key,
            migrations=["app.0001"],
        )

    def restore(self, file: Path, *, known: tuple[str, ...] = ("app.0001",)) -> Summary:
        return restore_backup(
            file,
            owner_url=self.urls.database_owner_url,
            uploads=self.uploads,
            secret_key=self.key,
            known_migrations=set(known),
            say=lambda _text: None,
        )


@pytest.fixture(scope="module")
def services() -> Iterator[tuple[ServiceUrls, Path]]:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="cxm-test-") as directory:
        Path(directory).chmod(0o755)
        with ensure_services(Path(directory) / "data", valkey=False) as urls:
            yield urls, Path(directory)


@pytest.fixture
def installation(services: tuple[ServiceUrls, Path], tmp_path: Path) -> Iterator[Installation]:
    urls, _ = services
    made = Installation(urls, tmp_path / "uploads", tmp_path / "secret_key")
    made.key.write_text("first key")
    (made.uploads / "portraits").mkdir(parents=True)
    (made.uploads / "portraits" / "a.png").write_bytes(b"\x89PNG" + bytes(range(256)))
    made.execute(TABLES)
    yield made
    made.execute("DROP TABLE IF EXISTS walled, global, parted CASCADE; DROP FUNCTION IF EXISTS cxm_tenant() CASCADE")


def test_restore_brings_back_every_row_file_and_right(installation: Installation, tmp_path: Path) -> None:
    before = installation.contents()
    summary = installation.back_up(tmp_path / "backup.tar")
    assert (summary.rows, summary.uploads) == (1050, 1)
    installation.execute("DELETE FROM walled WHERE id % 3 = 0; UPDATE global SET figure = 0; DROP TABLE parted")
    (installation.uploads / "portraits" / "a.png").unlink()
    (installation.uploads / "later.png").write_bytes(b"later")
    installation.key.write_text("second key")
    assert installation.restore(tmp_path / "backup.tar") == summary
    assert installation.contents() == before
    app = installation.urls.database_url
    one = "SET cxm.tenant_id = '00000000-0000-0000-0000-000000000001'; SELECT count(*) FROM walled"
    assert installation.execute(one, app) == [(250,)]
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        installation.execute("DELETE FROM walled", app)
    forced = "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE relname = 'walled'"
    assert installation.execute(forced) == [(True,)]


def test_backup_is_closed_to_others_and_replaces_the_older_file(installation: Installation, tmp_path: Path) -> None:
    target = tmp_path / "backup.tar"
    target.write_text("an older one")
    installation.back_up(target)
    assert target.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []


def test_failed_backup_leaves_the_older_file_alone(installation: Installation, tmp_path: Path) -> None:
    target = tmp_path / "backup.tar"
    target.write_text("an older one")
    wrong = installation.urls.database_backup_url.replace("cxm_backup:", "cxm_backup:x")
    with pytest.raises(BackupError, match="No backup was made"):
        create_backup(target, database_url=wrong, uploads=installation.uploads, secret_key=None, migrations=[])
    assert target.read_text() == "an older one"


def test_damaged_backup_is_refused_and_nothing_changes(installation: Installation, tmp_path: Path) -> None:
    target = tmp_path / "backup.tar"
    installation.back_up(target)
    before = installation.contents()
    content = bytearray(target.read_bytes())
    content[content.index(b"PGDMP") + 2000] ^= 0xFF
    target.write_bytes(content)
    with pytest.raises(BackupError, match="damaged"):
        installation.restore(target)
    target.write_bytes(content[: len(content) // 2])
    with pytest.raises(BackupError):
        installation.restore(target)
    assert installation.contents() == before


def test_row_that_differs_from_the_manifest_undoes_the_restore(installation: Installation, tmp_path: Path) -> None:
    target = tmp_path / "backup.tar"
    installation.back_up(target)
    with tarfile.open(target) as archive:
        manifest = json.loads(archive.extractfile("manifest.json").read())
        members = {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}
    manifest["tables"]["walled"] = "500:12345"
    members["manifest.json"] = json.dumps(manifest).encode()
    with tarfile.open(target, "w") as archive:
        for name, content in members.items():
            (tmp_path / "member").write_bytes(content)
            archive.add(tmp_path / "member", name)
    verify_backup(target)
    installation.execute("DELETE FROM walled WHERE id = 1")
    before = installation.contents()
    with pytest.raises(BackupError, match="walled differs"):
        installation.restore(target)
    assert installation.contents() == before


def test_backup_of_a_newer_version_is_refused(installation: Installation, tmp_path: Path) -> None:
    installation.back_up(tmp_path / "backup.tar")
    with pytest.raises(BackupError, match=r"app\.0001 is unknown"):
        installation.restore(tmp_path / "backup.tar", known=())


def test_restore_is_refused_while_the_platform_runs(installation: Installation, tmp_path: Path) -> None:
    installation.back_up(tmp_path / "backup.tar")
    with closing(psycopg2.connect(installation.urls.database_url)):
        with pytest.raises(BackupError, match="running"):
            installation.restore(tmp_path / "backup.tar")


def test_file_that_is_no_backup_is_refused(installation: Installation, tmp_path: Path) -> None:
    (tmp_path / "other.tar").write_text("hello")
    with pytest.raises(BackupError):
        installation.restore(tmp_path / "other.tar")
    with tarfile.open(tmp_path / "other.tar", "w") as archive:
        archive.add(installation.key, "secret_key")
    with pytest.raises(BackupError, match="not a backup"):
        installation.restore(tmp_path / "other.tar")
