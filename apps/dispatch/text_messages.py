"""The invitation as a text message: who asks, what, where to answer, how to end it; one part where it fits.

A part holds 160 characters of the GSM alphabet (3GPP TS 23.038), or 70 of any other; longer messages are cut in parts
of 153 or 67 and cost as many times as much. So a question that is too long for one part gives way to its topic; the
page behind the link asks it in full.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from apps.dispatch.rendering import Recipient, one_line
from apps.dispatch.texts import Texts, filled
from apps.dispatch.wording import words_in
from apps.messaging.liquid import is_template
from apps.surveys.piping import PipedValues, pipe

_GSM: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_TWICE: Final = frozenset("^{}\\[~]|€\f")
_SAME_IN_GSM: Final = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "„": '"', "–": "-", "—": "-", "…": "...", "\u00a0": " ", "\u202f": " "}
)

MOST_PARTS: Final = 3
"""Parts an invitation may have at most; a question that does not fit is cut at a word."""


def parts_of(text: str) -> int:
    """How many parts a text message of `text` has, which is how often it is paid for."""
    size = _size(text)
    single, each = (160, 153) if _is_gsm(text) else (70, 67)
    return 1 if size <= single else -(-size // each)


@dataclass(frozen=True, slots=True)
class CompiledText:
    """A text message with holes."""

    organization: str
    touchpoint: str
    question: str
    topic: str
    opening: str
    stop: str
    prefix: str

    def render(self, recipient: Recipient) -> str:
        """The message for one recipient."""
        asked = self.question
        if is_template(asked):
            asked = one_line(
                pipe(
                    asked,
                    PipedValues(
                        hidden=recipient.attributes,
                        customer_name=one_line(recipient.name),
                        organization=self.organization,
                        touchpoint=self.touchpoint,
                    ),
                )
            )
        opening = self.opening
        if is_template(opening):
            opening = filled(
                opening,
                name=one_line(recipient.name),
                organization=self.organization,
                touchpoint=self.touchpoint,
                attributes=recipient.attributes,
            )
        opening = one_line(opening)
        lead = f"{self.prefix}{self.organization}: " + (f"{opening} " if opening else "")
        return _fitted(lead, asked, self.topic, f" {recipient.link} {self.stop}")


def compile_text_message(
    *,
    organization: str,
    question: str,
    language: str,
    touchpoint: str = "",
    texts: Texts | None = None,
    reminder: bool = False,
) -> CompiledText:
    """Compile the text message that asks `question`.

    Only an opening that the organisation wrote itself stands before the question; ours would only fill the message.
    """
    words = words_in(language)
    return CompiledText(
        organization=one_line(organization),
        touchpoint=one_line(touchpoint),
        question=one_line(question),
        topic=one_line(
            words.subject_touchpoint.format(touchpoint=touchpoint) if touchpoint else words.opening.rstrip("。.")
        ),
        opening=texts.opening_of(reminder=reminder) if texts else "",
        stop=words.stop_text,
        prefix=one_line(words.reminder.format(subject="")) + " " if reminder else "",
    )


def _fitted(lead: str, question: str, topic: str, tail: str) -> str:
    """One part with the question, else one with the topic, else the question in as many parts as it needs."""
    for asked in (question, topic):
        whole = _in_gsm(lead + asked + tail)
        if parts_of(whole) == 1:
            return whole
    whole = _in_gsm(lead + question + tail)
    if parts_of(whole) <= MOST_PARTS:
        return whole
    each = 153 if _is_gsm(whole) else 67
    sign = "..." if _is_gsm(whole) else "…"
    room = MOST_PARTS * each - _size(_in_gsm(lead + sign + tail))
    return _in_gsm(f"{lead}{_cut(question, room)}{sign}{tail}")


def _in_gsm(text: str) -> str:
    """`text` with typographic signs written plainly where that is all that keeps it out of the GSM alphabet."""
    plain = text.translate(_SAME_IN_GSM)
    return plain if _is_gsm(plain) else text


def _cut(text: str, most: int) -> str:
    """At most `most` characters, ending with a whole word where there is one."""
    if most <= 0:
        return ""
    while _size(text) > most:
        text = text[: len(text) - max(1, _size(text) - most)]
    shorter = re.sub(r"\s+\S*$", "", text)
    return (shorter or text).rstrip(" ,;:.")


def _is_gsm(text: str) -> bool:
    return all(character in _GSM or character in _GSM_TWICE for character in text)


def _size(text: str) -> int:
    """Units of a message: septets in the GSM alphabet, else UTF-16 code units."""
    if _is_gsm(text):
        return len(text) + sum(character in _GSM_TWICE for character in text)
    return len(text.encode("utf-16-le", "replace")) // 2
