"""The text form of API keys."""

import uuid

import pytest

from cxm.api.keys import format_key, new_secret, parse_key, secret_hash, secret_matches


@pytest.fixture
def token() -> str:
    return format_key("api", uuid.UUID(int=5), uuid.UUID(int=2**128 - 1), new_secret())


def test_key_reads_back_what_it_was_made_of() -> None:
    organization, key, secret = uuid.uuid4(), uuid.uuid4(), new_secret()
    read = parse_key(format_key("write", organization, key, secret))
    assert read is not None
    assert (read.kind, read.organization_id, read.key_id, read.secret) == ("write", organization, key, secret)


def test_any_single_altered_character_is_noticed(token: str) -> None:
    for position in range(len(token)):
        replacement = "0" if token[position] != "0" else "1"
        assert parse_key(token[:position] + replacement + token[position + 1 :]) is None


@pytest.mark.parametrize("text", ["", "cxm_api", "Bearer x", "cxm_api_" + "z" * 22, "é" * 93])
def test_other_text_is_no_key(text: str) -> None:
    assert parse_key(text) is None


def test_key_with_anything_around_it_is_refused(token: str) -> None:
    assert parse_key(token + "\n") is None
    assert parse_key(" " + token) is None


def test_numbers_past_a_uuid_are_refused(token: str) -> None:
    from cxm.api.keys import checksum

    body = token.rsplit("_", 1)[0].replace(token.split("_")[2], "z" * 22)
    assert parse_key(f"{body}_{checksum(body)}") is None


def test_secret_is_compared_by_its_hash() -> None:
    secret = new_secret()
    assert secret not in secret_hash(secret)
    assert secret_matches(secret, secret_hash(secret))
    assert not secret_matches(new_secret(), secret_hash(secret))


def test_secret_does_not_show_in_the_debug_text(token: str) -> None:
    read = parse_key(token)
    assert read is not None
    assert read.secret not in repr(read)
