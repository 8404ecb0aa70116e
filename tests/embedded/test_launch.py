"""What `manage.py` puts into the environment of a command, and what it leaves alone."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from cxm.embedded.launch import embedded_in_use, services_for_command, services_for_environment

OWN_DATABASE = {
    "DATABASE_URL": "postgresql://cxm_app@database.example/cxm",
    "DATABASE_OWNER_URL": "postgresql://cxm_owner@database.example/cxm",
}


@pytest.fixture
def environ() -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="cxm-test-") as directory:
        Path(directory).chmod(0o755)
        yield {"CXM_DATA_DIR": f"{directory}/data"}


def test_everything_that_is_absent_is_filled_in_and_taken_out_again(environ: dict[str, str]) -> None:
    before = dict(environ)
    with services_for_environment(environ) as data_dir:
        assert data_dir == Path(before["CXM_DATA_DIR"])
        assert environ["SECRET_KEY"] == (data_dir / "secret_key").read_text()
        for variable, role in (
            ("DATABASE_URL", "cxm_app"),
            ("DATABASE_OWNER_URL", "cxm_owner"),
            ("DATABASE_PLATFORM_URL", "cxm_platform"),
        ):
            connection = psycopg2.connect(environ[variable])
            assert connection.info.user == role
            connection.close()
        assert embedded_in_use() == {"postgres", "valkey"}
        assert not [name for name in environ if "SUPERUSER" in name or "BACKUP" in name]
    assert environ == before
    assert embedded_in_use() == frozenset()


def test_database_of_the_operator_is_left_alone_and_only_the_broker_started(environ: dict[str, str]) -> None:
    environ |= {**OWN_DATABASE, "SECRET_KEY": "the operator's"}
    with services_for_environment(environ) as data_dir:
        assert embedded_in_use() == {"valkey"}
        assert {**environ, **OWN_DATABASE} == environ
        assert environ["SECRET_KEY"] == "the operator's"
        assert "DATABASE_PLATFORM_URL" not in environ
        assert not (data_dir / "postgres").exists()


def test_nothing_is_started_where_everything_is_given(environ: dict[str, str]) -> None:
    environ |= {**OWN_DATABASE, "REDIS_URL": "redis://broker.example/0", "SECRET_KEY": "given"}
    before = dict(environ)
    with services_for_environment(environ) as data_dir:
        assert environ == before
        assert list(data_dir.iterdir()) == []


@pytest.mark.parametrize("arguments", [["help"], ["--version"], [], ["provision"], ["migrate", "--help"]])
def test_commands_without_a_database_start_nothing(environ: dict[str, str], arguments: list[str]) -> None:
    with services_for_command(arguments, environ):
        assert not Path(environ["CXM_DATA_DIR"]).exists()


@pytest.mark.parametrize(
    ("arguments", "address"),
    [
        (["up"], "http://localhost:8000"),
        (["up", "--port", "8123", "--demo"], "http://localhost:8123"),
        (["up", "--port=8124"], "http://localhost:8124"),
        (["up", "--port", "many"], "http://localhost:8000"),
    ],
)
def test_links_lead_to_the_port_of_up(environ: dict[str, str], arguments: list[str], address: str) -> None:
    environ |= {**OWN_DATABASE, "REDIS_URL": "redis://broker.example/0", "SECRET_KEY": "given"}
    with services_for_command(arguments, environ):
        assert environ["BASE_URL"] == address


def test_address_of_the_operator_is_kept(environ: dict[str, str]) -> None:
    environ |= {**OWN_DATABASE, "REDIS_URL": "redis://x/0", "SECRET_KEY": "given", "BASE_URL": "https://cxm.example"}
    with services_for_command(["up", "--port", "8123"], environ):
        assert environ["BASE_URL"] == "https://cxm.example"
