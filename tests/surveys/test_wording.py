"""The standard wordings are those of the metric rules."""

from __future__ import annotations

import re

import pytest

from apps.surveys.definition import problems_before_publication
from apps.surveys.respondent_texts import LANGUAGES, OWN_NAMES, respondent_texts
from apps.surveys.wording import LANGUAGE_NAMES, is_right_to_left, is_standard_wording, standard_definition


def test_english_sentences_are_those_of_the_rules() -> None:
    def asked(kind: str) -> str:
        return standard_definition(kind, ["en"], "Nordwind", "Billing").questions["score"].title["en"]

    assert asked("nps") == "How likely are you to recommend Nordwind to a friend or colleague?"
    assert asked("csat") == "How satisfied were you with Billing?"
    assert asked("ces") == "Nordwind made it easy for me to handle my issue."
    reason = standard_definition("nps", ["en"], "Nordwind").questions["reason"]
    assert reason.title["en"] == "What is the main reason for your score?"


@pytest.mark.parametrize(("kind", "low", "high"), [("nps", 0, 10), ("csat", 1, 5), ("ces", 1, 7)])
def test_standard_questions_have_the_scale_and_both_ends_in_words(kind: str, low: int, high: int) -> None:
    question = standard_definition(kind, LANGUAGE_NAMES, "Nordwind").questions["score"]
    assert (question.low, question.high, question.metric, question.required) == (low, high, kind, True)
    assert sorted(question.labels) == [low, high]


@pytest.mark.parametrize("kind", ["nps", "csat", "ces", "custom"])
def test_standard_definitions_can_be_published_in_every_language(kind: str) -> None:
    definition = standard_definition(kind, LANGUAGE_NAMES, "Nordwind", "Billing")
    assert problems_before_publication(definition) == []
    for language in LANGUAGE_NAMES:
        titles = [question.title[language] for question in definition.questions.values()]
        assert all("{" not in title for title in titles)


def test_names_with_braces_stay_as_they_are() -> None:
    title = standard_definition("nps", ["en"], "{touchpoint} & Sons").questions["score"].title["en"]
    assert "{touchpoint} & Sons" in title


def test_unknown_languages_start_in_english() -> None:
    definition = standard_definition("nps", ["it"], "Nordwind")
    assert definition.questions["score"].title["it"].startswith("How likely")


def test_a_changed_wording_is_noticed() -> None:
    definition = standard_definition("nps", ["en", "de"], "Nordwind")
    assert is_standard_wording(definition, "nps", "Nordwind")
    assert not is_standard_wording(definition, "nps", "Südwind")


def test_arabic_is_written_from_right_to_left() -> None:
    assert is_right_to_left("ar")
    assert is_right_to_left("ar-eg")
    assert not is_right_to_left("de")


ASKED_FOR = {"en", "de", "es", "fr", "ar", "it", "pt", "nl", "pl", "tr", "uk", "ru", "zh", "ja", "hi", "sv", "da"}


@pytest.mark.parametrize("language", sorted(ASKED_FOR | set(LANGUAGE_NAMES) | LANGUAGES))
def test_every_language_says_everything_with_the_same_names_to_fill_in(language: str) -> None:
    english = {key: set(re.findall(r"\{\w+\}", text)) for key, text in respondent_texts("en").items()}
    said = respondent_texts(language)
    assert {key: set(re.findall(r"\{\w+\}", text)) for key, text in said.items()} == english
    assert all(text.strip() == text and text for text in said.values())
    assert language in OWN_NAMES
    if language != "en":
        assert sum(text == respondent_texts("en")[key] for key, text in said.items()) <= 8, "not translated"


def test_a_language_without_texts_is_served_in_english() -> None:
    assert respondent_texts("xx") is respondent_texts("en")
    assert respondent_texts("de-at") is respondent_texts("de")
