"""JSON from strangers."""

import json

import pytest

from cxm.api.parsers import MAX_DEPTH, parse_json
from cxm.api.problems import BadBody


def refused(raw: bytes) -> dict[str, str]:
    with pytest.raises(BadBody) as caught:
        parse_json(raw)
    return caught.value.errors[0]


def test_ordinary_json_comes_through_unchanged() -> None:
    value = {"a": [1, 2.5, None, True, "ü 🙂"], "b": {"c": "[[[{{{"}, "d": -(2**63 - 1)}
    assert parse_json(json.dumps(value).encode()) == value
    assert parse_json(json.dumps(value, ensure_ascii=False).encode()) == value


def test_nesting_is_counted_before_parsing() -> None:
    deep = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert parse_json(deep) is not None
    assert refused(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))["code"] == "too_deep"
    assert refused(b'{"a":' * 5000 + b"1" + b"}" * 5000)["code"] == "too_deep"
    assert refused(b"[" * 1_000_000)["code"] == "too_deep"


def test_brackets_in_strings_are_not_nesting() -> None:
    text = "[" * 100 + '\\"' * 50 + "{" * 100
    assert parse_json(json.dumps({"a": text}).encode()) == {"a": text}


def test_unclosed_string_full_of_quotes_is_read_in_linear_time() -> None:
    assert refused(b'["' + b'\\"' * 1_000_000 + b"[" * 40)["code"] == "not_json"
    assert refused(b'["' + b'\\"' * 1_000_000 + b"[" * 40 + b"\\")["code"] == "not_json"


@pytest.mark.parametrize(
    ("raw", "field", "code"),
    [
        (rb'{"a": {"b": ["x", "\u0000"]}}', "a.b.1", "nul"),
        (rb'{"a": "\ud800"}', "a", "surrogate"),
        (rb'{"a": {"\udfff": 1}}', "a.?", "surrogate"),
        (rb'{"\u0000": 1}', "?", "nul"),
        (b'{"a": 1, "b": 2, "a": 3}', "a", "duplicate"),
        (b'{"a": 9223372036854775808}', "a", "too_large"),
        (b'{"a": [-' + b"9" * 5000 + b"]}", "a.0", "too_large"),
        (b'{"a": 1e400}', "a", "too_large"),
        (b'{"a": NaN}', "", "not_a_number"),
        (b'{"a": -Infinity}', "", "not_a_number"),
        (b"", "", "empty"),
        (b"   ", "", "empty"),
        (b"{", "", "not_json"),
        (b'{"a": "\x00"}', "", "not_json"),
        (b'{"a": "\xff"}', "", "not_utf8"),
        (b'{"a": "\xed\xa0\x80"}', "", "not_utf8"),
    ],
)
def test_what_cannot_be_stored_is_refused_by_name(raw: bytes, field: str, code: str) -> None:
    error = refused(raw)
    assert (error["field"], error["code"]) == (field, code)
    json.dumps(error).encode()


def test_whole_surrogate_pair_is_a_character() -> None:
    assert parse_json(rb'{"a": "\ud83d\ude42"}') == {"a": "🙂"}


def test_hundred_thousand_keys_are_read() -> None:
    assert len(parse_json(json.dumps({str(n): n for n in range(100_000)}).encode())) == 100_000
