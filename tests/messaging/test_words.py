"""What stands in mails and text messages: the organisation's words, in every language, and no more than fits."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from apps.dispatch.rendering import (
    LARGEST_HTML,
    Brand,
    CompiledMail,
    Question,
    Recipient,
    compile_invitation,
    message_bytes,
)
from apps.dispatch.text_messages import compile_text_message, parts_of
from apps.dispatch.texts import Texts, check_texts
from apps.dispatch.wording import Words, words_in
from apps.surveys.wording import LANGUAGE_NAMES
from cxm.errors import DomainError

BRAND = Brand("Nordwind", "#0F766E", "#FFFFFF")
LINK = "https://cxm.example.org/r/" + "A" * 66 + "/"
LENA = Recipient(LINK, "Lena Berg", {"order": "4711"})
NPS = Question("How likely are you to recommend Nordwind?", range(11), "Not at all likely", "Extremely likely")
LANGUAGES = sorted({*LANGUAGE_NAMES, "en", "de", "fr", "es", "it", "nl", "pt", "pl", "tr", "ar", "da", "sv", "uk", "ru",
                    "zh", "ja", "hi"})  # fmt: skip


def compiled(texts: Texts | None = None, **changes: object) -> CompiledMail:
    arguments = {"brand": BRAND, "question": NPS, "language": "en", "texts": texts, **changes}
    return compile_invitation(**arguments)  # type: ignore[arg-type]


# -- the organisation's own words -------------------------------------------------------------------------------------


def test_own_words_are_filled_for_each_person_and_escaped_where_they_stand() -> None:
    mail = compiled(
        Texts(
            subject="{{ customer.first_name }}, your order {{ attributes.order }}",
            opening='Dear {{ customer.name | default: "customer" }},\nhow was it at {{ organization }}?',
        )
    )
    lena = mail.render(LENA)
    assert lena.subject == "Lena, your order 4711"
    assert "Dear Lena Berg,<br>how was it at Nordwind?" in lena.html
    assert "Dear Lena Berg,\nhow was it at Nordwind?" in lena.text
    evil = mail.render(Recipient(LINK, '<img src=x onerror="y">', {"order": "1\r\nBcc: x@evil.example"}))
    assert "<img" not in evil.html
    assert "&lt;img" in evil.html
    raw = message_bytes(evil, sender="a@b.example", recipient="c@d.example", message_id="<1@x>")
    assert b"\r\nBcc" not in raw
    nobody = mail.render(Recipient(LINK))
    assert "Dear customer," in nobody.text


def test_words_that_are_the_same_for_all_cost_nothing_for_each() -> None:
    mail = compiled(Texts(subject="{{ organization }} asks", opening="About {{ touchpoint }}"), touchpoint="your visit")
    assert mail.own == {}
    assert mail.render(LENA).subject == "Nordwind asks"
    assert "About your visit" in mail.render(LENA).html


def test_words_with_no_result_give_way_to_ours() -> None:
    mail = compiled(Texts(subject="{{ attributes.missing }}", opening="{% if attributes.missing %}x{% endif %}"))
    rendered = mail.render(LENA)
    assert rendered.subject == "One question from Nordwind"
    assert "One question, about one minute." in rendered.text
    too_long = compiled(Texts(opening="{{ attributes.order }}" * 90)).render(
        Recipient(LINK, "Lena", {"order": "x" * 2000})
    )
    assert "One question, about one minute." in too_long.text


def test_reminder_has_its_own_words_or_says_that_it_is_one() -> None:
    assert compiled(reminder=True).render(LENA).subject == "Reminder: One question from Nordwind"
    own = Texts(subject="Your visit", opening="Thanks.")
    assert compiled(own, reminder=True).render(LENA).subject == "Reminder: Your visit"
    assert "Thanks." in compiled(own, reminder=True).render(LENA).text
    both = Texts("Your visit", "Thanks.", "Still time, {{ customer.first_name }}", "We would like to know.")
    reminder = compiled(both, reminder=True).render(LENA)
    assert reminder.subject == "Still time, Lena"
    assert "We would like to know." in reminder.html
    assert compiled(both).render(LENA).subject == "Your visit"


def test_what_somebody_typed_for_one_batch_is_no_template() -> None:
    mail = compiled(subject="{{ customer.name }}", opening="{% nonsense").render(LENA)
    assert mail.subject == "{{ customer.name }}"
    assert "{% nonsense" in mail.text


def test_question_that_pipes_is_filled_like_on_the_page() -> None:
    question = Question('How was order {{ hidden.order }}, {{ customer.first_name | default: "you" }}?', range(11))
    mail = compiled(question=question)
    assert "How was order 4711, Lena?" in mail.render(LENA).text
    assert "How was order , you?" in mail.render(Recipient(LINK)).text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_all_words_and_a_light_mail(language: str) -> None:
    words = words_in(language)
    assert language == "en" or words != words_in("en")
    for field in fields(Words):
        assert getattr(words, field.name).strip(), field.name
    mail = compiled(language=language, limit=2, days=30).render(LENA)
    assert len(mail.html.encode()) < LARGEST_HTML
    assert f'<html lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}"' in mail.html
    assert "{" not in mail.text
    assert "Nordwind" in mail.html and "Lena Berg" in mail.html


def test_logo_is_one_small_picture_beside_the_name_in_words() -> None:
    logo = "https://cxm.example/logos/nordwind/"
    html = compiled(brand=Brand("Nordwind", "#0F766E", "#FFFFFF", logo)).render(LENA).html
    assert html.count("<img") == 1
    assert f'<img src="{logo}" height="32" alt="">' in html
    assert ">Nordwind</b>" in html
    assert "<img" not in compiled().render(LENA).html


def test_employees_are_not_called_customers() -> None:
    assert "because you work at Nordwind" in compiled(member=True).render(LENA).text
    assert "customer" not in compiled(member=True).render(LENA).text


def test_texts_are_checked_by_language_and_name() -> None:
    kept = check_texts({"en": {"subject": " Hi {{ customer.first_name }} ", "opening": ""}, "de": {}})
    assert kept == {"en": {"subject": "Hi {{ customer.first_name }}"}}
    with pytest.raises(DomainError) as refused:
        check_texts(
            {
                "en": {"subject": "{{ customer.email }}", "opening": "x" * 2001, "footer": "x", "reminder_subject": 5},
                "de": 7,
                "fr": {"opening": "a\x00b", "reminder_opening": "\ud800"},
            }
        )
    assert sorted(error["field"] for error in refused.value.errors) == [
        "texts.de",
        "texts.en.footer",
        "texts.en.opening",
        "texts.en.reminder_subject",
        "texts.en.subject",
        "texts.fr.opening",
        "texts.fr.reminder_opening",
    ]
    for nonsense in list[Any]([None, [], "x", 5]):
        with pytest.raises(DomainError):
            check_texts(nonsense)


def test_words_of_a_language_are_found_without_its_country() -> None:
    texts = {"pt": {"subject": "Olá"}, "pt-BR": {"subject": "Oi"}}
    assert Texts.in_language(texts, "pt-BR").subject == "Oi"
    assert Texts.in_language(texts, "pt-PT").subject == "Olá"
    assert Texts.in_language(texts, "de") == Texts()


# -- text messages ----------------------------------------------------------------------------------------------------


def text_of(question: str, **changes: object) -> str:
    arguments = {"organization": "Nordwind", "question": question, "language": "en", **changes}
    return compile_text_message(**arguments).render(LENA)  # type: ignore[arg-type]


def test_short_question_stands_in_one_part_with_link_and_stop() -> None:
    text = text_of("How was it?")
    assert text == f"Nordwind: How was it? {LINK} Reply STOP to end"
    assert parts_of(text) == 1


def test_long_question_gives_way_to_its_topic() -> None:
    text = text_of("How likely are you to recommend Nordwind to a friend or colleague?", touchpoint="Meter visit")
    assert text == f"Nordwind: One question about Meter visit {LINK} Reply STOP to end"
    assert parts_of(text) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_message_in_every_language_ends_with_how_to_end_it(language: str) -> None:
    text = text_of("?" * 400, language=language)
    assert LINK in text
    assert "STOP" in text[text.index(LINK) + len(LINK) :]
    assert parts_of(text) <= 3


def test_message_never_grows_beyond_three_parts_and_never_cuts_the_link() -> None:
    text = text_of("ما مدى احتمال أن توصي بنا لصديق أو زميل؟ " * 20, language="ar")
    assert parts_of(text) == 3
    assert f"… {LINK} " in text


@pytest.mark.parametrize(
    ("text", "parts"),
    [("x" * 160, 1), ("x" * 161, 2), ("x" * 306, 2), ("x" * 307, 3), ("€" * 80, 1), ("€" * 81, 2), ("ж" * 70, 1),
     ("ж" * 71, 2), ("ж" * 135, 3), ("😀" * 35, 1), ("😀" * 36, 2)],
)  # fmt: skip
def test_parts_are_counted_as_they_are_paid_for(text: str, parts: int) -> None:
    assert parts_of(text) == parts


def test_typographic_signs_do_not_double_the_price() -> None:
    assert text_of("“How” was – it’s…", organization="Nordwind’s") == (
        f"Nordwind's: \"How\" was - it's... {LINK} Reply STOP to end"
    )


def test_own_opening_and_reminder_come_first() -> None:
    text = text_of("Q?", texts=Texts(opening="Hi {{ customer.first_name }}!"), reminder=True)
    assert text == f"Reminder: Nordwind: Hi Lena! Q? {LINK} Reply STOP to end"
    assert "\n" not in text_of("a\nb", organization="Nord\r\nwind")
