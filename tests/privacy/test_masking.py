"""Names and numbers in comments are hidden; what makes a comment worth reading stays."""

from __future__ import annotations

import pytest

from apps.customers.masking import mask_for, mask_text, mask_values
from cxm.actor import Actor, Grant
from cxm.ids import uuid7


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Write to ada@example.com please", "Write to [e-mail] please"),
        ("ada.lovelace+shop@mail.example.co.uk!", "[e-mail]!"),
        ("<ADA@EXAMPLE.COM>", "<[e-mail]>"),
        ("ada (at) example (dot) com", "[e-mail]"),
        ("почта: иван@пример.рф", "почта: [e-mail]"),
        ("邮箱是li@example.cn。", "[e-mail]。"),
        ("+49 30 1234567", "[number]"),
        ("call 030/123 45 67 now", "call [number] now"),
        ("(030) 123-4567", "[number]"),
        ("06 12 34 56 78 merci", "[number] merci"),
        ("06.12.34.56.78", "[number]"),
        ("tel 600 123 456", "tel [number]"),
        ("+1 (555) 010-9999.", "[number]."),
        ("٠٥٠١٢٣٤٥٦٧ اتصل", "[number] اتصل"),
        ("電話は090-1234-5678です", "電話は[number]です"),
        ("4111 1111 1111 1111", "[number]"),
        ("4111-1111-1111-1111", "[number]"),
        ("IBAN DE89 3704 0044 0532 0130 00 bitte", "IBAN [number] bitte"),
        ("GB29NWBK60161331926819", "[number]"),
        ("fr7630006000011234567890189", "[number]"),
        ("order 20261234567", "order [number]"),
        ("contract no. 12345678", "contract no. [number]"),
        ("(my number is 0171 2345678)", "(my number is [number])"),
    ],
)
def test_addresses_and_numbers_are_hidden(text: str, masked: str) -> None:
    assert mask_text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "10/10, would buy again",
        "9/10 10/10 8/10",
        "7 / 10 for the app, 4.5/5 for the shop",
        "scores 9 10 8 7 10 9 8",
        "since 2019-11-21",
        "am 21.11.2026 und 3.4.25",
        "on 11/21/2026 at 10:30:15",
        "2026-11-21 10:30 nobody was there",
        "2024, 2025 and 2026",
        "2019-2026",
        "from 2019 2020 2021",
        "cost 1,234,567.89",
        "1.234.567,89 gezahlt",
        "1 000 000 users",
        "2500000 people",
        "paid 1234567 EUR, then $1234567.50",
        "waited 45 minutes, 3 times, room 1204",
        "iPhone 15 Pro, Windows 11, section 4.2.1",
        "9:00-17:30",
        "@support helped me",
        "AB12 this that with from over",
        "100% ok; 3 < 4",
        "",
        "ÄÖÜ 漢字 🙂",
    ],
)
def test_scores_dates_and_amounts_stay(text: str) -> None:
    assert mask_text(text) == text


@pytest.mark.parametrize(
    ("name", "text", "masked"),
    [
        ("Ada Lovelace", "I am ada, Ada's order. LOVELACE!", "I am [name], [name]'s order. [name]!"),
        ("Ada Lovelace", "Adamant and Nevada stay", "Adamant and Nevada stay"),
        ("Jürgen Müller", "Müllers Konto, mu\u0308ller", "[name] Konto, [name]"),
        ("Anna-Lena van der Berg", "Anna-Lena sagt: der Berg van hier", "[name] sagt: der [name] van hier"),
        ("Will Young", "I will be young. Signed, Will Young", "I will be young. Signed, [name] [name]"),
        ("Li Wu", "Li said li is a unit; LI WU", "[name] said li is a unit; [name] [name]"),
        ("山田太郎", "私は山田太郎です", "私は[name]です"),
        ("김민준", "저는 김민준입니다", "저는 [name]입니다"),
        ("محمد علي", "أنا محمد من برلين", "أنا [name] من برلين"),
        ("Иван Петров", "это иван, Петров", "это [name], [name]"),
        ("D'Arcy O’Neil", "D'Arcy and O’Neil", "[name] and [name]"),
        ("", "nothing", "nothing"),
        ("X", "X marks the spot", "X marks the spot"),
        ("a.*(", "a.*( and a", "a.*( and a"),
    ],
)
def test_own_name_is_hidden_and_words_that_hold_it_stay(name: str, text: str, masked: str) -> None:
    assert mask_text(text, [name]) == masked


@pytest.mark.parametrize(
    "text",
    ["a" * 100_000, "1 " * 50_000, "a@" * 50_000, "+(" * 50_000, "9/" * 50_000, "1." * 50_000, "\x00\ud800@x.de"],
)
def test_hostile_text_ends_soon_and_never_fails(text: str) -> None:
    assert isinstance(mask_text(text, ["Ada Lovelace"]), str)


def test_role_decides_and_a_branch_only_for_its_own_unit() -> None:
    unit, other = uuid7(), uuid7()
    reader = Actor(kind="user", grants=(Grant(frozenset({"feedback.view"})),))
    everywhere = Actor(kind="user", grants=(Grant(frozenset({"feedback.unmasked"})),))
    branch = Actor(kind="user", grants=(Grant(frozenset({"feedback.unmasked"}), frozenset({unit})),))
    text = "me@example.com"
    assert mask_for(reader, text) == "[e-mail]"
    assert mask_for(everywhere, text) == text
    assert mask_for(branch, text, unit_id=unit) == text
    assert mask_for(branch, text, unit_id=other) == "[e-mail]"
    assert mask_for(branch, text) == "[e-mail]"
    assert mask_for(Actor.system("digest"), text) == text


def test_texts_of_nested_values_are_masked_and_numbers_stay() -> None:
    value = {"a": ["me@example.com", 12345678], "b": {"c": None, "d": True}}
    assert mask_values(value, mask_text) == {"a": ["[e-mail]", 12345678], "b": {"c": None, "d": True}}
