"""STOP and its kin: only when the text is nothing else."""

from __future__ import annotations

import pytest

from apps.dispatch.opt_out import is_opt_out


@pytest.mark.parametrize(
    "text",
    [
        "STOP", "stop", "Stop.", "  stop!!! ", "“Stop”", "ＳＴＯＰ", "🛑 STOP 🛑", "stop\u200b", "STOP\n",
        "Stop all", "Opt-out",
        "UNSUBSCRIBE", "Don't contact me", "ARRÊT", "arret", "Abmelden!", "BAJA", "Cancelar suscripción", "İPTAL",
        "iptal",
        "СТОП", "Отписаться", "توقف", "הסר", "退订", "停止", "配信停止", "수신거부", "หยุด", "DỪNG", "रोकें", "Στοπ",
    ],
)  # fmt: skip
def test_text_that_is_only_an_opt_out_word_opts_out(text: str) -> None:
    assert is_opt_out(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "   ", "!!!", "Stop raising the prices", "The bus stop is far away", "non-stop trouble", "good", "10",
        "Easy",
        "stopped", "very good service", "S", "x" * 10_000, "stop " * 500, None, 5, ["stop"], "\x00",
    ],
)  # fmt: skip
def test_feedback_is_not_an_opt_out(text: object) -> None:
    assert not is_opt_out(text)


@pytest.mark.parametrize(
    ("text", "own", "other"),
    [
        ("Dur", "tr", "fr"),
        ("seis", "fi", "es"),
        ("Stad", "ga", "nl-BE"),
        ("alto", "es-MX", "it"),
        ("End", "en_GB", "de"),
    ],
)
def test_word_of_two_meanings_counts_in_its_own_language(text: str, own: str, other: str) -> None:
    assert is_opt_out(text, own)
    assert not is_opt_out(text, other)
    assert not is_opt_out(text)


@pytest.mark.parametrize("letter", "abcdefghijklmnopqrstuvwxyz0123456789")
def test_single_letter_or_digit_is_never_an_opt_out(letter: str) -> None:
    assert not is_opt_out(letter)
    assert not is_opt_out(letter, "is")
