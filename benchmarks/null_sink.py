"""A mail server that takes everything and keeps nothing: the cheapest thing that speaks SMTP with PIPELINING.

`python -m benchmarks.null_sink [file]` prints its port and serves until its input ends. With a file it appends the
Message-ID of each mail to it as soon as it was taken, before it says so.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import BinaryIO

_GREETING = b"220 sink\r\n"
_HELLO = b"250-sink\r\n250-PIPELINING\r\n250-SIZE 33554432\r\n250 8BITMIME\r\n"
_END = b"\r\n.\r\n"


class Sink(asyncio.Protocol):
    """One connection."""

    def __init__(self, journal: BinaryIO | None) -> None:
        self.journal = journal
        self.rest = b""
        self.in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(_GREETING)

    def data_received(self, data: bytes) -> None:
        self.rest += data
        answers = []
        while self.rest:
            if self.in_data:
                end = self.rest.find(_END)
                if end < 0:
                    break
                self._keep(self.rest[:end])
                self.rest, self.in_data = self.rest[end + len(_END) :], False
                answers.append(b"250 taken\r\n")
                continue
            line, found, rest = self.rest.partition(b"\r\n")
            if not found:
                break
            self.rest = rest
            word = line[:4].upper()
            if word == b"DATA":
                self.in_data = True
                answers.append(b"354 go on\r\n")
            elif word in (b"EHLO", b"HELO"):
                answers.append(_HELLO)
            elif word == b"QUIT":
                self.transport.write(b"".join([*answers, b"221 bye\r\n"]))
                self.transport.close()
                return
            else:
                answers.append(b"250 ok\r\n")
        if answers:
            self.transport.write(b"".join(answers))

    def _keep(self, message: bytes) -> None:
        if self.journal is not None:
            start = message.find(b"Message-ID: ") + len(b"Message-ID: ")
            self.journal.write(message[start : message.find(b"\r\n", start)] + b"\n")
            self.journal.flush()


async def serve(journal: BinaryIO | None) -> None:
    """Serve until the standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Sink(journal), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        with Path(sys.argv[1]).open("ab") as journal:
            asyncio.run(serve(journal))
    else:
        asyncio.run(serve(None))
