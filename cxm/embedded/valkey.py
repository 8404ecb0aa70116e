"""The embedded Valkey server: broker and cache, reached by a socket only, its queue kept in an append-only file."""

from __future__ import annotations

import signal
import socket
from functools import partial
from typing import IO, Any

from cxm.embedded.paths import Home
from cxm.embedded.processes import Program, end_survivors

SETTINGS = """\
# Written at every start.
port 0
unixsocket {socket}
unixsocketperm 700
daemonize no
databases 4
loglevel notice

# What is due is recorded in PostgreSQL; the queue only wakes the workers. Losing its last second costs one sweep.
appendonly yes
appendfsync everysec
save ""

# Cached values carry a lifetime and give way when memory runs short; the queue's lists carry none and stay.
maxmemory 256mb
maxmemory-policy volatile-lru
"""


def url(home: Home) -> str:
    """The address of the server: ``unix:///path/valkey.sock?db=0``. Who can open the socket's directory is let in."""
    return f"unix://{home.valkey_socket}?db=0"


def program(home: Home, output: IO[Any]) -> Program:
    """The server as the supervisor runs it."""
    return Program(
        name="Valkey",
        command=[str(home.valkey_server), str(home.valkey / "valkey.conf")],
        stop_signal=signal.SIGTERM,
        environment={"PATH": "/usr/bin:/bin"},
        directory=home.valkey,
        account=home.account,
        output=output,
        prepare=partial(_prepare, home),
    )


def _prepare(home: Home) -> None:
    home.make_directory(home.valkey)
    directory = str(home.valkey.resolve())
    end_survivors(
        lambda process: process.name() == "valkey-server" and process.cwd() == directory,
        first=signal.SIGTERM,
        patience=15,
    )
    home.valkey_socket.unlink(missing_ok=True)
    settings = home.valkey / "valkey.conf"
    settings.write_text(SETTINGS.format(socket=home.valkey_socket))
    home.give(settings, 0o600)


def is_ready(home: Home) -> bool:
    """Whether the server answers; while it still reads its file it says LOADING."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(2)
            connection.connect(str(home.valkey_socket))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False
