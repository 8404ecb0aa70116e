"""What ``manage.py`` does before Django reads its settings: fill in what the environment leaves open.

Without DATABASE_URL and REDIS_URL, a command finds the running embedded services, or starts them for its own time.
Without SECRET_KEY, the data directory's is used. What the operator has set is never changed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from cxm.embedded.credentials import secret_key
from cxm.embedded.paths import data_dir_of, make_data_dir
from cxm.embedded.services import ServiceUrls, ensure_services

DEFAULT_PORT = 8000

#: Commands that touch neither database nor broker.
WITHOUT_SERVICES = frozenset(
    {"help", "version", "provision", "collectstatic", "makemessages", "compilemessages", "diffsettings"}
)

#: A service is ours to run when this variable is absent.
DECIDING_VARIABLE = {"postgres": "DATABASE_URL", "valkey": "REDIS_URL"}

_in_use: frozenset[str] = frozenset()
_urls = ServiceUrls()


def embedded_in_use() -> frozenset[str]:
    """Which services this process has from the data directory: some of "postgres" and "valkey"."""
    return _in_use


def embedded_urls() -> ServiceUrls:
    """The addresses of the embedded services that this process uses; empty texts for those it does not."""
    return _urls


@contextmanager
def services_for_command(arguments: Sequence[str], environ: MutableMapping[str, str]) -> Iterator[None]:
    """Prepare the environment of a management command (``sys.argv[1:]``) and keep its services for the block."""
    command = arguments[0] if arguments else "help"
    if command in WITHOUT_SERVICES or command.startswith("-") or {"-h", "--help"} & set(arguments):
        yield
        return
    if command == "up":
        environ.setdefault("BASE_URL", _address_of_up(arguments[1:]))
    with services_for_environment(environ):
        yield


@contextmanager
def services_for_environment(environ: MutableMapping[str, str]) -> Iterator[Path]:
    """Fill in SECRET_KEY, DATABASE_URL and its companions, and REDIS_URL where absent; yields the data directory.

    For anything that runs Django without being started by ``manage.py up``: commands and the test suite. The variables
    are taken out again at the end.
    """
    global _in_use, _urls
    data_dir = data_dir_of(environ)
    make_data_dir(data_dir)
    secret = {} if environ.get("SECRET_KEY") else {"SECRET_KEY": secret_key(data_dir)}
    needs = frozenset(name for name, variable in DECIDING_VARIABLE.items() if not environ.get(variable))
    if not needs:
        with _added(environ, secret):
            yield data_dir
        return
    with ensure_services(data_dir, postgres="postgres" in needs, valkey="valkey" in needs) as urls:
        _in_use, _urls = needs, urls
        try:
            with _added(environ, {**secret, **urls.as_environment(needs)}):
                yield data_dir
        finally:
            _in_use, _urls = frozenset(), ServiceUrls()


@contextmanager
def _added(environ: MutableMapping[str, str], values: dict[str, str]) -> Iterator[None]:
    before = {name: environ.get(name) for name in values}
    environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                environ.pop(name, None)
            else:
                environ[name] = value


def add_address_arguments(parser: argparse.ArgumentParser) -> None:
    """``--host`` and ``--port`` of `up`, which are needed before the settings are and again by the command."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (0.0.0.0: all; default %(default)s)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="port of the web server (default %(default)s)")


def _address_of_up(arguments: Sequence[str]) -> str:
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    add_address_arguments(parser)
    try:
        known, _rest = parser.parse_known_args(list(arguments))
    except argparse.ArgumentError:  # the command itself will say what is wrong
        return f"http://localhost:{DEFAULT_PORT}"
    return f"http://localhost:{known.port}"
