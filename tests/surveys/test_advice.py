"""What the editor says of a draft before anybody answers it."""

from __future__ import annotations

from typing import Any

import pytest

from apps.surveys.advice import Advice, Span, advise, asks_two_things, read_span
from apps.surveys.catalogue import TEMPLATES
from apps.surveys.definition import parse_definition
from apps.surveys.paths import reach_of
from apps.surveys.wording import LANGUAGE_NAMES

LANGUAGES = list(LANGUAGE_NAMES)


def q(question_id: str, kind: str, **values: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"id": question_id, "type": kind, "title": {"en": question_id}, **values}
    if kind in ("choice", "multi_choice", "ranking", "matrix"):
        made.setdefault("choices", [{"id": name, "label": {"en": name.title()}} for name in ("a", "b", "c")])
    if kind == "matrix":
        made.setdefault("rows", [{"id": "r", "label": {"en": "R"}}])
    return made


def when(question: str, op: str, value: Any = True) -> dict[str, Any]:
    return {"all": [{"question": question, "op": op, "value": value}]}


def rules(mode: str, *given: tuple[str, str, Any]) -> dict[str, Any]:
    return {mode: [{"question": question, "op": op, "value": value} for question, op, value in given]}


def of(*questions: dict[str, Any], **more: Any) -> list[Advice]:
    pages = [{"questions": [question]} for question in questions]
    raw = {"languages": ["en"], **more, "pages": pages}
    return advise(parse_definition(raw), organization="Acme")


def codes(found: list[Advice], question: str) -> set[str]:
    return {advice.code for advice in found if advice.question == question}


@pytest.mark.parametrize("template", TEMPLATES)
def test_templates_give_nothing_to_warn_of(template: str) -> None:
    chosen = TEMPLATES[template]
    definition = chosen.definition(LANGUAGES, "Acme")
    found = advise(definition, organization="Acme", audience=chosen.audience, anonymous=chosen.anonymous)
    assert [advice for advice in found if advice.severity == "warning"] == []
    assert definition.languages == tuple(LANGUAGES)


@pytest.mark.parametrize(
    ("condition", "shown"),
    [
        (rules("all", ("s", "<=", 6), ("s", ">=", 9)), False),
        (rules("any", ("s", "<=", 6), ("s", ">=", 9)), True),
        (rules("all", ("s", ">", 6), ("s", "<", 7)), False),
        (
            rules(
                "all",
                ("s", ">", 10),
            ),
            False,
        ),
        (rules("all", ("c", "=", "a"), ("c", "=", "b")), False),
        (rules("all", ("m", "contains", "a"), ("m", "contains", "b")), True),
        (rules("all", ("c", "answered", False), ("c", "!=", "a")), True),
        (rules("all", ("c", "answered", False), ("c", "=", "a")), False),
        (rules("all", ("n", ">", 6), ("n", "<", 7)), True),
        (rules("all", ("n", ">", 7), ("n", "<", 6)), False),
        (rules("all", ("d", ">", "2026-01-01"), ("d", "<", "2026-01-02")), False),
        (rules("all", ("d", ">", "2026-01-01"), ("d", "<", "2026-01-03")), True),
        (rules("all", ("t", "contains", "bill"), ("t", "=", "No")), False),
        (rules("all", ("t", "contains", "ill"), ("t", "=", "BILL")), True),
        (rules("all", ("k", "=", True), ("k", "=", False)), False),
        (rules("all", ("r", "answered", False)), False),
    ],
)
def test_condition_that_can_never_hold_is_found_exactly(condition: dict[str, Any], shown: bool) -> None:
    found = of(
        q("s", "nps"),
        q("c", "choice"),
        q("m", "multi_choice"),
        q("n", "number"),
        q("d", "date"),
        q("t", "text"),
        q("k", "consent"),
        q("r", "choice", required=True),
        q("last", "text", show_if=condition),
    )
    assert ("never_shown" in codes(found, "last")) is not shown


def test_contradiction_across_questions_is_found() -> None:
    found = of(
        q("used", "choice"),
        q("why", "choice", show_if=when("used", "=", "a")),
        q("end", "text", show_if=rules("all", ("used", "=", "b"), ("why", "=", "a"))),
    )
    assert "never_shown" in codes(found, "end")
    assert "never_shown" not in codes(found, "why")


def test_hidden_field_can_be_anything() -> None:
    found = of(
        q("a", "text", show_if=rules("all", ("shop", "=", "north"), ("shop", "!=", "south"))),
        q("b", "text", show_if=rules("all", ("shop", "=", "north"), ("shop", "=", "south"))),
        hidden=[{"id": "shop"}],
    )
    assert "never_shown" not in codes(found, "a")
    assert "never_shown" in codes(found, "b")


def test_witness_leads_to_the_question() -> None:
    raw = {
        "pages": [
            {"questions": [q("s", "nps"), q("m", "multi_choice")]},
            {"questions": [q("x", "text", show_if=rules("all", ("s", ">", 8), ("m", "contains", "c")))]},
        ]
    }
    reach = reach_of(parse_definition(raw), "x")
    assert reach is not None
    assert reach.witness == {"s": 9, "m": ["c"]}
    assert reach.can_be_hidden


def test_too_many_ways_are_said_and_nothing_is_claimed() -> None:
    given = [(f"m{n}", "contains", choice) for n in range(6) for choice in ("a", "b", "c")]
    found = of(*(q(f"m{n}", "multi_choice") for n in range(6)), q("x", "text", show_if=rules("all", *given)))
    assert codes(found, "x") == {"too_many_ways"}


def test_condition_that_always_holds_and_required_after_optional() -> None:
    found = of(
        q("s", "nps", required=True),
        q("c", "choice"),
        q("always", "text", show_if=when("s", ">=", 0)),
        q("must", "text", required=True, show_if=when("c", "=", "a")),
    )
    assert "always_shown" in codes(found, "always")
    assert "required_after_optional" in codes(found, "must")


def test_no_way_out_of_a_consent_or_a_file_that_must_be_given() -> None:
    found = of(q("k", "consent", required=True), q("f", "file", required=True), q("ok", "consent"))
    assert "no_way_out" in codes(found, "k")
    assert "no_way_out" in codes(found, "f")
    assert "no_way_out" not in codes(found, "ok")


def test_gap_between_branches_is_hinted_at() -> None:
    found = of(
        q("s", "nps"), q("low", "text", show_if=when("s", "<=", 6)), q("high", "text", show_if=when("s", ">=", 9))
    )
    gap = next(advice for advice in found if advice.code == "gap")
    assert (gap.question, gap.severity) == ("s", "hint")
    assert "7–8" in gap.message


@pytest.mark.parametrize(
    ("language", "text", "two"),
    [
        ("en", "How fast and friendly were we?", True),
        ("en", "How likely are you to recommend us to a friend or colleague?", False),
        ("en", "Do you accept the terms and conditions?", False),
        ("en", "How was “Fish and Chips”?", False),
        ("en", "Did you understand our standards?", False),
        ("de", "Wie schnell und freundlich waren wir?", True),
        ("de", "Wie war die Stunde?", False),
        ("es", "¿Fue rápido y amable?", True),
        ("es", "¿Cómo fue el servicio y la información?", True),
        ("es", "¿Cuánto le costó?", False),
        ("fr", "Était-ce rapide et aimable\u202f?", True),
        ("fr", "Êtes-vous satisfait de cet achat\u202f?", False),
        ("ar", "ما مدى رضاك عن السرعة والجودة؟", True),
        ("ar", "ما مدى رضاك عن وقت الانتظار؟", False),
        ("ja", "AとBはどうでしたか", False),
    ],
)
def test_two_things_are_guessed_by_the_words_of_the_language(language: str, text: str, two: bool) -> None:
    assert asks_two_things(text, language) is two


@pytest.mark.parametrize(
    ("label", "span"),
    [
        ("18-25", Span(18, 25)),
        ("26 – 35 years", Span(26, 35)),
        ("1,000 to 2,000", Span(1000, 2000)),
        ("1.000 bis 2.000", Span(1000, 2000)),
        ("65+", Span(65, float("inf"))),
        ("under 18", Span(float("-inf"), 18, high_open=True)),
        ("more than 5", Span(5, float("inf"), low_open=True)),
        ("up to 10", Span(float("-inf"), 10)),
        ("7", Span(7, 7)),
        ("Red", None),
        ("Version 2 of it", None),
    ],
)
def test_ranges_are_read_from_labels(label: str, span: Span | None) -> None:
    assert read_span(label) == span


@pytest.mark.parametrize(
    ("labels", "overlap"),
    [
        (("18–25", "25–35"), True),
        (("18–25", "26–35", "36+"), False),
        (("under 18", "18–65", "over 65"), False),
        (("up to 18", "18–65"), True),
        (("1–5", "more than 5"), False),
        (("0", "1", "2 or more"), False),
    ],
)
def test_choices_that_share_a_number_are_found(labels: tuple[str, ...], overlap: bool) -> None:
    choices = [{"id": f"c{n}", "label": {"en": label}} for n, label in enumerate(labels)]
    assert ("overlap" in codes(of(q("age", "choice", choices=choices)), "age")) is overlap


def test_changed_standard_wording_and_missing_or_copied_translations_are_named() -> None:
    raw = TEMPLATES["nps_touchpoint"].definition(["en", "de"], "Acme").to_json()
    score = raw["pages"][0]["questions"][0]
    score["title"]["de"] = score["title"]["en"]
    del raw["pages"][1]["questions"][0]["title"]["de"]
    found = advise(parse_definition(raw), organization="Acme")
    assert {"standard_wording", "untranslated"} <= codes(found, "score")
    assert "missing_translation" in codes(found, "issue")
    wording = next(advice for advice in found if advice.code == "standard_wording")
    assert "Deutsch" in wording.message
    assert "English" not in wording.message


def test_standard_wording_may_repeat_the_organisation_and_name_any_subject() -> None:
    nps = "How likely are you to recommend {{ organization }} to a friend or colleague?"
    found = of(q("s", "nps", title={"en": nps}), q("c", "csat", title={"en": "How satisfied were you with our app?"}))
    assert "standard_wording" not in codes(found, "s") | codes(found, "c")


def test_long_titles_same_choices_placeholders_and_many_questions_are_named() -> None:
    twins = [{"id": "a", "label": {"en": "Same"}}, {"id": "b", "label": {"en": "same "}}]
    found = of(
        q("long", "text", title={"en": "x" * 161}),
        q("twins", "choice", choices=twins),
        q("new", "choice", choices=[{"id": "a", "label": {"en": "Option 1"}}]),
        *(q(f"q{n}", "text") for n in range(9)),
    )
    assert "too_long" in codes(found, "long")
    assert "same_choice" in codes(found, "twins")
    assert "placeholder" in codes(found, "new")
    assert "too_many_questions" in codes(found, "")
