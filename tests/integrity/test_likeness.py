"""Comments that are nearly the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from apps.integrity.likeness import alike, pairs_of, prints_of


def test_case_accents_punctuation_and_numbers_make_no_difference() -> None:
    one, other = "Très bon service, merci à l'équipe de 12!", "tres BON service... merci a l’equipe de 99"
    assert pairs_of(one) == pairs_of(other)
    assert prints_of(one) == prints_of(other)


def test_one_word_more_is_still_alike_and_another_sentence_is_not() -> None:
    text = "The friendly technician came on time and explained everything about the new router to us very well"
    assert alike(pairs_of(text), pairs_of(text + " indeed"))
    assert set(prints_of(text)) & set(prints_of(text + " indeed"))
    assert not alike(pairs_of(text), pairs_of("The technician was late and explained nothing about the router to us"))


def test_what_many_people_say_is_too_short_to_be_compared() -> None:
    for text in ("Excellent service", "very good service", "STOP", "happy with the service", "a b c d e"):
        assert prints_of(text) == []


@given(st.text(max_size=200))
def test_any_text_has_prints_that_fit_a_column(text: str) -> None:
    assert all(-(2**63) <= number < 2**63 for number in prints_of(text))
    assert prints_of(text) == prints_of(text.upper().lower()) or text.upper().lower().casefold() != text.casefold()
