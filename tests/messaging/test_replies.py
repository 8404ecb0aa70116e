"""The one line of a reply that counts."""

from __future__ import annotations

import pytest

from apps.dispatch.opt_out import is_opt_out
from apps.messaging.replies import own_words, words_of_html


@pytest.mark.parametrize(
    "text",
    [
        "STOP",
        "\n\n  Stop. \n\nOn Mon, 1 Jun 2026 at 10:00, Nordwind <x@y.example> wrote:\n> One question\n",
        "stop\n-- \nLena Berg\nNordwind customer since 1999",
        "STOP\n\nSent from my phone",
        "> One question\n> How likely are you\n\nSTOP",
        "On Monday\nNordwind wrote:\n> One question\n\nStop",
        "Abmelden\r\n\r\nAm 01.06.2026 um 10:00 schrieb Nordwind:\r\n> Eine Frage",
        "\u200bStop\u200b",
        "| quoted\nunsubscribe\n________________________________\nFrom: Nordwind",
    ],
)
def test_stop_above_below_and_between_is_found(text: str) -> None:
    assert is_opt_out(own_words(text))


@pytest.mark.parametrize(
    "text",
    [
        "Please do not stop, I like it\n\nSTOP",
        "Thanks!\n> STOP",
        "> STOP to end these mails\nThanks",
        "-- \nSTOP Corporation",
        "-----Original Message-----\nStop",
        "From: Nordwind\nSTOP",
        "",
        "\n\n\n",
        "> STOP",
    ],
)
def test_stop_that_the_person_did_not_say_is_none(text: str) -> None:
    assert not is_opt_out(own_words(text))


def test_reply_is_cut_and_clean() -> None:
    assert own_words("x" * 1000) == "x" * 400
    assert own_words("a\x00b\ud800c") == "a b c"


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("<div>STOP</div><div class='gmail_quote'>On Monday: <blockquote>Hi</blockquote></div>", "STOP"),
        (
            "<html><head><style>p{}</style></head><body><p>Stop&nbsp;</p><blockquote>x</blockquote></body></html>",
            "Stop",
        ),
        ("<script>STOP</script>Thanks", "Thanks"),
        ("<" * 5000, "<" * 400),
    ],
)
def test_words_of_a_mail_in_html_only(html: str, words: str) -> None:
    assert own_words(words_of_html(html)) == words
