"""The survey mail: what it must hold, in every language and on every scale, and what nobody can put into it."""

from __future__ import annotations

import email
import email.policy
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.dispatch.rendering import (
    LARGEST_HTML,
    Brand,
    CompiledMail,
    Question,
    Recipient,
    compile_invitation,
    message_bytes,
    render_message,
)

BRAND = Brand("Nordwind & Söhne", "#0F766E", "#FFFFFF")
LINK = "https://cxm.example/r/TOKEN/"
NPS = Question("How likely are you to recommend Nordwind?", range(11), "Not at all likely", "Extremely likely")


def compiled(**changes: object) -> CompiledMail:
    return compile_invitation(**{"brand": BRAND, "question": NPS, "language": "en", **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scores", "rows"), [(range(11), [6, 5]), (range(1, 6), [5]), (range(1, 8), [7]), (range(1, 11), [5, 5])]
)
def test_every_score_is_a_link_that_only_preselects(scores: range, rows: list[int]) -> None:
    html = compiled(question=Question("How?", scores, "low", "high")).render(Recipient(LINK)).html
    assert re.findall(r'href="([^"]+\?s=\d+)"', html) == [f"{LINK}?s={score}" for score in scores]
    table = html[html.index('class="scores"') : html.index("</table>", html.index('class="scores"'))]
    assert [row.count("?s=") for row in table.split("<tr>")[1:]] == rows


def test_survey_without_a_score_has_one_button() -> None:
    html = compiled(question=Question("What happened?")).render(Recipient(LINK)).html
    assert "?s=" not in html
    assert "Answer in the browser" in html


def test_mail_is_light_and_made_for_mail_programs() -> None:
    html = compiled().render(Recipient(LINK, "Lena")).html
    assert len(html.encode()) < LARGEST_HTML
    assert "prefers-color-scheme:dark" in html.replace(" ", "")
    assert all('role="presentation"' in table for table in re.findall(r"<table[^>]*>", html))
    assert "<img" not in html
    assert "<script" not in html
    preheader = re.search(r'class="preheader"[^>]*>([^<]*)<', html)
    assert preheader is not None and preheader.group(1) == NPS.text
    assert f"{LINK}stop/" in html and f"{LINK}privacy/" in html


def test_text_part_has_question_one_answer_link_and_stop_link() -> None:
    text = compiled().render(Recipient(LINK, "Lena")).text
    assert NPS.text in text
    assert re.findall(r"https://\S+", text) == [LINK, f"{LINK}stop/", f"{LINK}privacy/"]
    assert text.startswith("Hello Lena,")


@pytest.mark.parametrize(
    ("language", "direction"), [("en", "ltr"), ("de", "ltr"), ("ar", "rtl"), ("he", "rtl"), ("pt-BR", "ltr")]
)
def test_language_and_direction_are_announced(language: str, direction: str) -> None:
    html = compiled(language=language).render(Recipient(LINK)).html
    assert f'<html lang="{language}" dir="{direction}"' in html


def test_own_words_replace_ours_and_a_reminder_says_so() -> None:
    mail = compiled(subject="Your move", opening="Your meter was connected.", reminder=True).render(Recipient(LINK))
    assert mail.subject == "Reminder: Your move"
    assert "Your meter was connected." in mail.html
    assert compiled(touchpoint="Meter visit").subject == "One question about Meter visit"
    assert compiled().subject == "One question from Nordwind & Söhne"


def test_footer_prints_how_often_only_when_there_is_a_cap() -> None:
    assert "at most 2 in 30 days" in compiled(limit=2, days=30).render(Recipient(LINK)).html
    assert "at most" not in compiled(limit=1, days=0).render(Recipient(LINK)).html


evil = st.text(max_size=60) | st.sampled_from(
    [
        "<script>alert(1)</script>",
        "a\r\nBcc: x@evil.example",
        '"><img src=x onerror=y>',
        "{{ link }}",
        "{% now 'Y' %}",
        "\ud800",
        "\x00",
    ]
)


@settings(deadline=None)
@given(name=evil, organization=evil, question=evil, opening=evil)
def test_nothing_typed_becomes_markup_or_a_header(name: str, organization: str, question: str, opening: str) -> None:
    mail = compile_invitation(
        brand=Brand(organization, "#0F766E", "#FFFFFF"),
        question=Question(question, range(11), "low", "high"),
        language="en",
        opening=opening,
    ).render(Recipient(LINK, name))
    sober = compiled().render(Recipient(LINK, "Lena"))
    assert _elements(mail.html) == _elements(sober.html)
    raw = message_bytes(
        mail, sender="CXM <noreply@cxm.example>", recipient="lena@cxm.example", message_id="<1@cxm.example>"
    )
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert sorted(parsed.keys()) == ["Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject", "To"]
    assert [part.get_content_type() for part in parsed.iter_parts()] == ["text/plain", "text/html"]


def _elements(html: str) -> list[str]:
    """The elements of a page in order, but for line breaks, which an opening of several lines has."""
    return [name for name in re.findall(r"<(/?[a-z0-9]+)", html) if name != "br"]


def test_message_reads_back_as_it_was_written() -> None:
    mail = compiled(language="ar").render(Recipient(LINK, "ليلى"))
    raw = message_bytes(
        mail,
        sender="Nordwind Söhne <post@nordwind.example>",
        recipient="lena@münchen.example",
        message_id="<7@cxm.example>",
        headers={"List-Unsubscribe": f"<{LINK}stop/>", "X-Evil": "a\r\nBcc: b@c.example"},
        reply_to="service@nordwind.example",
    )
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    text, html = parsed.get_body(("plain",)), parsed.get_body(("html",))
    assert text is not None and text.get_content().replace("\r\n", "\n").strip() == mail.text.strip()
    assert html is not None and html.get_content().replace("\r\n", "\n").strip() == mail.html.strip()
    assert parsed["From"].addresses[0].display_name == "Nordwind Söhne"
    assert parsed["To"] == "lena@xn--mnchen-3ya.example"
    assert parsed["Subject"] == mail.subject
    assert parsed["Bcc"] is None
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))


def test_notice_quotes_what_people_typed_as_text() -> None:
    mail = render_message(
        brand=BRAND,
        subject="Your idea\r\nwas answered",
        lines=["Status: planned"],
        note="You proposed it.",
        button="Open the idea",
        url="https://cxm.example/o/nordwind/ideas/1/",
        quote="<b>We will</b> do it",
    )
    assert mail.subject == "Your idea was answered"
    assert "&lt;b&gt;We will&lt;/b&gt;" in mail.html
    assert "<b>We will</b> do it" in mail.text
