"""Back up and restore a whole installation: database, uploads and the secret key, in one verified file.

The file is a tar archive: ``manifest.json`` (what must be in it), ``database.dump`` (pg_dump's own format), the
uploads, and ``secret_key`` where the data directory holds it. It contains everything that people wrote: keep it as safe
as the database itself.

A restore is one transaction. The new rows are counted and summed against the manifest before it commits; if a single
row differs, the database stays as it was.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import psycopg2
from psycopg2 import extensions, sql

from cxm.db import roles
from cxm.embedded import EmbeddedError
from cxm.embedded.paths import wheel_postgres_bin

FORMAT = 1
MANIFEST, DUMP, SECRET = "manifest.json", "database.dump", "secret_key"
UPLOADS = "uploads"

# The text of a row must not depend on who asks.
_STEADY_TEXT = (
    "SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; SET timezone = 'UTC'; "
    "SET extra_float_digits = 1; SET bytea_output = 'hex'; SET row_security = on;"
)
_TABLES = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY relname
"""
# Rows, and the sum of a 64-bit hash of each: the same whatever the order they lie in.
_SUM = "SELECT count(*) || ':' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) FROM public.{table} AS t"

# Everything of ours in the schema; what the superuser made there (extensions) stays.
_EMPTY = """
DO $$
DECLARE thing record;
BEGIN
    FOR thing IN SELECT oid::regclass AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace
        AND relkind IN ('r', 'p') AND relowner = current_user::regrole AND NOT relispartition
    LOOP EXECUTE format('DROP TABLE IF EXISTS %s CASCADE', thing.name); END LOOP;
    FOR thing IN SELECT oid::regclass AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace
        AND relkind = 'S' AND relowner = current_user::regrole
    LOOP EXECUTE format('DROP SEQUENCE IF EXISTS %s CASCADE', thing.name); END LOOP;
    FOR thing IN SELECT oid::regprocedure AS name FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        AND proowner = current_user::regrole
    LOOP EXECUTE format('DROP FUNCTION IF EXISTS %s CASCADE', thing.name); END LOOP;
END $$;
"""


class BackupError(RuntimeError):
    """The backup or restore was not done; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a backup holds, or a restore brought back."""

    tables: int
    rows: int
    uploads: int
    size: int


# -- backup ------------------------------------------------------------------------------------------------------------


def create_backup(
    target: Path, *, database_url: str, uploads: Path, secret_key: Path | None, migrations: list[str]
) -> Summary:
    """Write a backup while everything runs, and read it back. Raises BackupError; the target is whole or not there.

    Args:
        target: the file to make; an older one of the name is replaced.
        database_url: of the role that reads past the row policies (``cxm_backup``).
        uploads: directory of uploaded files.
        secret_key: the key's file in the data directory, or None when the environment gives the key.
        migrations: applied migrations, ``app.name``; a restore refuses what the code there does not know.
    """
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w+b") as file:
            manifest = _write_archive(file, database_url, uploads, secret_key, migrations)
            file.flush()
            os.fsync(file.fileno())
        summary = verify_backup(partial, manifest)
        partial.replace(target)
    except (OSError, psycopg2.Error, EmbeddedError) as error:
        raise BackupError(f"No backup was made: {_plain(error)}") from error
    finally:
        partial.unlink(missing_ok=True)
    return summary


def _write_archive(
    file: IO[bytes], database_url: str, uploads: Path, secret_key: Path | None, migrations: list[str]
) -> dict[str, Any]:
    sums: dict[str, str] = {}
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        # Files before and after the database's moment: whatever a row of that moment names is among them.
        _add_uploads(archive, uploads, sums)
        with closing(psycopg2.connect(database_url, connect_timeout=10)) as connection:
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
            with connection.cursor() as cursor:
                cursor.execute(_STEADY_TEXT)
                cursor.execute("SELECT pg_export_snapshot()")
                snapshot = cursor.fetchone()[0]  # type: ignore[index]
                with tempfile.NamedTemporaryFile(prefix="cxm-dump-") as dump:
                    options = ["--format=custom", "--schema=public", "--no-owner", f"--snapshot={snapshot}"]
                    _run("pg_dump", [*options, f"--file={dump.name}"], database_url)
                    archive.add(dump.name, DUMP, filter=_anonymous)
                    sums[DUMP] = _digest(dump.name)
                tables = dict(_table_sums(cursor))
        _add_uploads(archive, uploads, sums)
        if secret_key is not None and secret_key.exists():
            archive.add(secret_key, SECRET, filter=_anonymous)
            sums[SECRET] = _digest(secret_key)
        manifest = {
            "format": FORMAT,
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "migrations": sorted(migrations),
            "tables": tables,
            "files": sums,
        }
        with tempfile.NamedTemporaryFile("w", prefix="cxm-manifest-") as text:
            json.dump(manifest, text, indent=1)
            text.flush()
            archive.add(text.name, MANIFEST, filter=_anonymous)
    return manifest


def _add_uploads(archive: tarfile.TarFile, uploads: Path, sums: dict[str, str]) -> None:
    """Add the uploads that are not in yet; one deleted meanwhile is passed over."""
    for path in sorted(uploads.rglob("*")) if uploads.is_dir() else []:
        name = f"{UPLOADS}/{path.relative_to(uploads).as_posix()}"
        if name in sums or not path.is_file() or path.is_symlink():
            continue
        try:
            sums[name] = _digest(path)
            archive.add(path, name, filter=_anonymous)
        except FileNotFoundError:
            sums.pop(name, None)


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


def _table_sums(cursor: Any) -> Iterator[tuple[str, str]]:
    cursor.execute(_TABLES)
    for (table,) in cursor.fetchall():
        cursor.execute(sql.SQL(_SUM).format(table=sql.Identifier(table)))
        yield table, cursor.fetchone()[0]


# -- looking into a backup ---------------------------------------------------------------------------------------------


def verify_backup(file: Path, written: Mapping[str, Any] | None = None) -> Summary:
    """Read the whole file and compare it with its manifest. Raises BackupError when anything is missing or changed."""
    try:
        with tarfile.open(file, "r:") as archive:
            manifest = read_manifest(archive)
            if written is not None and manifest != written:
                raise BackupError("The backup could not be read back as it was written.")
            wanted: dict[str, str] = manifest["files"]
            found = {}
            for member in archive:
                if member.name in wanted and member.isfile():
                    stream = archive.extractfile(member)
                    found[member.name] = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
    except (tarfile.TarError, OSError, EOFError) as error:
        raise BackupError(f"{file} is not a whole backup: {error}") from error
    if found != wanted:
        wrong = sorted(name for name in wanted if found.get(name) != wanted[name])
        raise BackupError(f"{file} is damaged: {', '.join(wrong[:5])} differ from the manifest or are missing.")
    rows = sum(int(value.partition(":")[0]) for value in manifest["tables"].values())
    uploads = sum(name.startswith(f"{UPLOADS}/") for name in wanted)
    return Summary(tables=len(manifest["tables"]), rows=rows, uploads=uploads, size=file.stat().st_size)


def read_manifest(archive: tarfile.TarFile) -> dict[str, Any]:
    """The manifest of an opened backup. Raises BackupError when there is none of a format we know."""
    try:
        stream = archive.extractfile(MANIFEST)
        manifest: dict[str, Any] = json.loads(stream.read()) if stream else {}
    except (KeyError, ValueError) as error:
        raise BackupError("This file is not a backup made by `manage.py backup`.") from error
    if manifest.get("format") != FORMAT:
        raise BackupError(f"This backup has the format {manifest.get('format')}; this version reads {FORMAT}.")
    return manifest


# -- restore -----------------------------------------------------------------------------------------------------------


def restore_backup(
    file: Path,
    *,
    owner_url: str,
    uploads: Path,
    secret_key: Path | None,
    known_migrations: set[str],
    say: Callable[[str], object],
) -> Summary:
    """Replace the whole installation by a backup. Raises BackupError, and then nothing has changed.

    Nothing else may use the database meanwhile: stop web and workers first.

    Args:
        file: the backup.
        owner_url: of the role that owns the tables.
        uploads: directory of uploaded files, replaced as a whole.
        secret_key: where the key is kept, or None to leave the key to the environment.
        known_migrations: ``app.name`` of this code's migrations.
        say: told of each step.
    """
    summary = verify_backup(file)
    with tarfile.open(file, "r:") as archive, tempfile.TemporaryDirectory(prefix="cxm-restore-") as scratch:
        manifest = read_manifest(archive)
        if unknown := sorted(set(manifest["migrations"]) - known_migrations):
            raise BackupError(
                f"The backup was made by a newer version of this software: {unknown[0]} is unknown here. "
                "Install that version, restore, and go on from there."
            )
        _refuse_if_in_use(owner_url)
        incoming = uploads.with_name(f"{uploads.name}.restoring")
        shutil.rmtree(incoming, ignore_errors=True)
        try:
            say("Unpacking")
            _extract(archive, manifest, Path(scratch), incoming)
            say("Loading the database")
            _load_database(Path(scratch), manifest, owner_url)
        except (OSError, psycopg2.Error, EmbeddedError) as error:
            shutil.rmtree(incoming, ignore_errors=True)
            raise BackupError(f"Nothing was restored: {_plain(error)}") from error
        say("Replacing the uploads")
        _replace_directory(uploads, incoming)
        if secret_key is not None and (Path(scratch) / SECRET).exists():
            shutil.copyfile(Path(scratch) / SECRET, secret_key)
            secret_key.chmod(0o600)
    return summary


def _refuse_if_in_use(owner_url: str) -> None:
    with closing(psycopg2.connect(owner_url, connect_timeout=10)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename IN (%s, %s)",
            [roles.APP, roles.PLATFORM],
        )
        row = cursor.fetchone()
    if row and row[0]:
        raise BackupError("The platform is running on this database. Stop `manage.py up` (web, workers, beat) first.")


def _extract(archive: tarfile.TarFile, manifest: Mapping[str, Any], scratch: Path, incoming: Path) -> None:
    incoming.mkdir(mode=0o700, parents=True)
    for member in archive:
        if not member.isfile() or member.name not in manifest["files"]:
            continue
        base = incoming if member.name.startswith(f"{UPLOADS}/") else scratch
        target = (base / member.name.removeprefix(f"{UPLOADS}/")).resolve()
        if not target.is_relative_to(base.resolve()):
            raise BackupError(f"The backup names a file outside its place: {member.name}")
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        stream = archive.extractfile(member)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            shutil.copyfileobj(stream, file)  # type: ignore[arg-type]


def _load_database(scratch: Path, manifest: Mapping[str, Any], owner_url: str) -> None:
    """Empty the schema, load, compare: one transaction, by psql, which alone understands the dump's COPY blocks."""
    contents = _run("pg_restore", ["--list", str(scratch / DUMP)], None)
    # The schema itself is the server's, made by `provision`.
    kept = [line for line in contents.splitlines() if not re.search(r" (SCHEMA|ACL|COMMENT) - (SCHEMA )?public ", line)]
    (scratch / "contents").write_text("\n".join(kept))
    script = scratch / "restore.sql"
    options = ["--no-owner", "--no-comments", f"--use-list={scratch / 'contents'}", f"--file={script}"]
    _run("pg_restore", [*options, str(scratch / DUMP)], None)
    before, after = scratch / "before.sql", scratch / "after.sql"
    before.write_text("\\set ON_ERROR_STOP on\nSET client_min_messages = warning;\n" + _EMPTY)
    after.write_text(_STEADY_TEXT + "\n" + "\n".join(_comparison(*table) for table in manifest["tables"].items()))
    files = [f"--file={path}" for path in (before, script, after)]
    _run("psql", ["--no-psqlrc", "--quiet", "--single-transaction", "--output=/dev/null", *files], owner_url)


def _comparison(table: str, expected: str) -> str:
    quoted = '"' + table.replace('"', '""') + '"'
    found = _SUM.format(table=quoted)
    return (
        f"DO $$ BEGIN IF ({found}) <> '{expected}' THEN "
        f"RAISE EXCEPTION 'the restored table {table} differs from the backup'; END IF; END $$;"
    )


def _replace_directory(current: Path, incoming: Path) -> None:
    previous = current.with_name(f"{current.name}.previous")
    shutil.rmtree(previous, ignore_errors=True)
    if current.exists():
        current.rename(previous)
    incoming.rename(current)
    shutil.rmtree(previous, ignore_errors=True)


# -- programs ----------------------------------------------------------------------------------------------------------


def _program(name: str) -> str:
    """The path of a PostgreSQL program: the wheel's, else the system's."""
    try:
        own = wheel_postgres_bin() / name
    except EmbeddedError:
        own = None
    if own is not None and own.exists():
        return str(own)
    found = shutil.which(name)
    if not found:
        raise BackupError(f"{name} is not installed. Install PostgreSQL's client programs (Debian: postgresql-client).")
    return found


def _run(name: str, arguments: list[str], database_url: str | None) -> str:
    """Run a PostgreSQL program; the address and password go by the environment, which others cannot read."""
    environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
    if database_url is not None:
        names = {"dbname": "PGDATABASE", "host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
        for key, value in extensions.parse_dsn(database_url).items():
            environment[names.get(key) or f"PG{key.upper()}"] = value
    result = subprocess.run(
        [_program(name), *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        said = [line for line in result.stderr.splitlines() if "DETAIL" not in line and "CONTEXT" not in line]
        raise BackupError(f"{name} failed: {' '.join(said[-4:]) or f'exit code {result.returncode}'}")
    return result.stdout


def _digest(path: str | Path) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _plain(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
