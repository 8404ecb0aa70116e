"""A body that was refused unread is read to its end."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import pytest

from cxm.draining import SMALL, DrainedBodies


def refuses(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("413 Too Large", [])
    return [b"too large"]


@pytest.mark.parametrize(
    ("size", "headers", "left"),
    [
        (10_000_000, {"CONTENT_LENGTH": "10000000"}, 0),
        (10_000_000, {"HTTP_TRANSFER_ENCODING": "chunked"}, 0),
        (SMALL, {"CONTENT_LENGTH": str(SMALL)}, SMALL),
        (5, {"CONTENT_LENGTH": "nonsense"}, 5),
        (0, {}, 0),
    ],
)
def test_what_was_left_unread_is_read(size: int, headers: dict[str, str], left: int) -> None:
    body = io.BytesIO(b"x" * size)
    answer = DrainedBodies(refuses)({**headers, "wsgi.input": body}, lambda *_args: None)
    assert list(answer) == [b"too large"]
    assert len(body.read()) == left
