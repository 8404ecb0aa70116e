"""The fast JSON reader gives what the careful one gives, for every text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxm.api.parsers import parse_json
from cxm.api.problems import BadBody
from cxm.ingest import parse_plain_json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=15,
)


def both(raw: bytes) -> tuple[Any, Any]:
    def read(parser: Any) -> Any:
        try:
            return repr(parser(raw))
        except BadBody as refused:
            return refused.errors

    return read(parse_plain_json), read(parse_json)


@settings(max_examples=300, deadline=None)
@given(values, st.booleans(), st.sampled_from([None, 1]))
def test_any_value_is_read_alike(value: Any, ascii_only: bool, indent: int | None) -> None:
    fast, careful = both(json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "replace"))
    assert fast == careful


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused_alike(raw: bytes) -> None:
    fast, careful = both(raw)
    assert fast == careful


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"a": "\\":", "a": 1}',
        b"[" * 33 + b"]" * 33,
        b"[" * 5000,
        b'{"a": 9223372036854775808}',
        b'{"a": 1e400}',
        b'{"a": 1e19}',
        b'{"a": NaN}',
        b'{"a": "\\u0000"}',
        b'{"a": "\\ud800"}',
        b'{"a": "\xff"}',
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a" : 1}',
        b"12345678901234567890",
        b"",
        b" ",
    ],
)
def test_odd_texts_are_read_or_refused_alike(raw: bytes) -> None:
    fast, careful = both(raw)
    assert fast == careful
