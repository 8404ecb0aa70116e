"""Reading to its end a body that was refused unread, so that the client gets to see why."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

SMALL = 64 * 1024
"""Bytes that fit the buffers between us and the client: nobody has to read those."""
MOST = 128 * 1024 * 1024
"""Bytes that are read for courtesy; a client that sends more finds the connection closed."""
CHUNK = 64 * 1024


class DrainedBodies:
    """A WSGI application around another.

    A server that answers 413 while the client is still sending must close the connection, and most clients then
    report a broken pipe and never look at the answer.
    """

    def __init__(self, application: WsgiApplication) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        answer = self.application(environ, start_response)
        length = environ.get("CONTENT_LENGTH") or ""
        announced = int(length) if length.isdigit() else None
        chunked = announced is None and "HTTP_TRANSFER_ENCODING" in environ
        if chunked or (announced is not None and SMALL < announced <= MOST):
            drain(environ["wsgi.input"])
        return answer


def drain(body: Any) -> None:
    """Read on until the body ends or the courtesy does."""
    read = 0
    while read < MOST and (chunk := body.read(CHUNK)):
        read += len(chunk)
