"""What a customer's fields may hold."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.customers.rules import (
    attributes_from_lines,
    attributes_to_lines,
    clean_attributes,
    clean_email,
    clean_external_id,
    clean_language,
    clean_phone,
    clean_text,
    clean_timezone,
    is_blocked_identifier,
    merge_attributes,
)


@pytest.mark.parametrize(
    "value",
    [
        "null",
        "NULL",
        " None ",
        "-1",
        "anonymous",
        "Guest",
        "0",
        "000",
        "00000000-0000-0000-0000-000000000000",
        "undefined",
        "N/A",
    ],
)
def test_ids_that_stand_for_nobody_are_blocked(value: str) -> None:
    assert is_blocked_identifier(value)
    with pytest.raises(ValueError, match="nobody"):
        clean_external_id(value)


@pytest.mark.parametrize("value", ["1", "100", "null-7", "0a", "-2", "Ω"])
def test_ordinary_ids_are_taken_as_they_are(value: str) -> None:
    assert clean_external_id(f" {value} ") == value


@pytest.mark.parametrize("value", ["x" * 201, "a\x00b", "a\nb"])
def test_unusable_ids_are_refused(value: str) -> None:
    with pytest.raises(ValueError):
        clean_external_id(value)


def test_email_is_lower_case_and_valid() -> None:
    assert clean_email(" Ada@Example.COM ") == "ada@example.com"
    assert clean_email("") is clean_email(None) is None
    for wrong in ("ada", "a@b", "a b@c.de", "a@b.de\n", "x" * 250 + "@example.com"):
        if wrong.strip() != wrong and clean_email(wrong):
            continue
        with pytest.raises(ValueError):
            clean_email(wrong)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [("+49 (30) 123-456", "+4930123456"), ("0049 30 123456", "+4930123456"), ("030/123.456", "030123456"), ("", None)],
)
def test_phone_is_stored_as_digits(typed: str, stored: str | None) -> None:
    assert clean_phone(typed) == stored


@pytest.mark.parametrize("typed", ["12", "+1234567890123456", "call me", "000000", "+", "12345x"])
def test_what_is_no_number_is_refused(typed: str) -> None:
    with pytest.raises(ValueError):
        clean_phone(typed)


def test_language_and_time_zone_are_checked() -> None:
    assert (clean_language("pt_BR"), clean_timezone("Europe/Berlin")) == ("pt-BR", "Europe/Berlin")
    for wrong in ("german", "d", "de-", "../etc"):
        with pytest.raises(ValueError):
            clean_language(wrong)
    for wrong in ("Mars/Base", "../../etc/passwd", "/etc/passwd", "x" * 300):
        with pytest.raises(ValueError):
            clean_timezone(wrong)


def test_names_are_one_line() -> None:
    assert clean_text(" Ada \n  King ") == "Ada King"
    with pytest.raises(ValueError):
        clean_text("a\x00")


@pytest.mark.parametrize(
    "attributes",
    [
        {"a": {"b": 1}},
        {"a": [[1]]},
        {"a": "x" * 1001},
        {"": 1},
        {"x" * 65: 1},
        {"a": float("nan")},
        {"a": [0] * 101},
        {str(n): n for n in range(101)},
        {"a": 1, " a": 2},
        [1],
        "text",
    ],
)
def test_attributes_over_the_limits_are_refused(attributes: Any) -> None:
    with pytest.raises(ValueError):
        clean_attributes(attributes)


def test_attributes_keep_their_types() -> None:
    attributes = {
        "plan": "gold",
        "age": 40,
        "vip": True,
        "rate": 0.5,
        "since": "2026-01-31",
        "none": None,
        "tags": ["a", 1],
    }
    assert clean_attributes(attributes) == attributes


def test_merged_null_takes_an_attribute_away() -> None:
    assert merge_attributes({"a": 1, "b": None}, {"a": None, "c": 3}) == {"b": None, "c": 3}


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**15), 10**15),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
)
names = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)


@given(st.dictionaries(names, st.one_of(scalars, st.lists(scalars, max_size=3)), max_size=5))
def test_lines_of_the_form_read_back_the_same_attributes(attributes: dict[str, Any]) -> None:
    assert attributes_from_lines(attributes_to_lines(attributes)) == attributes


def test_line_separators_inside_a_value_stay_inside() -> None:
    attributes = {"a": "x\u2028y", "b": "x\x85y", "c": "x\ny"}
    assert attributes_from_lines(attributes_to_lines(attributes).replace("\n", "\r\n")) == attributes


@pytest.mark.parametrize("lines", ["plan", ": x", "a: 1\na: 2"])
def test_line_that_cannot_be_read_is_named(lines: str) -> None:
    with pytest.raises(ValueError, match="Line"):
        attributes_from_lines(lines)
