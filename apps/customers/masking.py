"""What people wrote, without the names and numbers in it, for those whose role does not include reading them.

Pure text in, text out. What is hidden: e-mail addresses, phone, card and bank account numbers and other long runs of
digits, and the customer's own name. What stays: scores (10/10), dates, times, years, amounts. Between hiding an order
number and showing a phone number, it hides. It is no anonymisation: a person may still be told by what they tell.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, Protocol
from uuid import UUID

from cxm.actor import Actor

PERMISSION: Final = "feedback.unmasked"
EMAIL_MASK: Final = "[e-mail]"
NUMBER_MASK: Final = "[number]"
NAME_MASK: Final = "[name]"

FEWEST_DIGITS: Final = 7
"""A run of digits this long can name somebody; after a plus sign one less is enough."""

_LOCAL = r"[^\s@＠<>()\[\],;:\"'|]{1,64}"
_HOST = r"[^\s@＠<>()\[\],;:\"'|]{1,190}"
_AT = r"(?:[@＠]|\s?[\[(]\s?(?:at|@|ät|arroba|chez)\s?[\])]\s?)"
_DOT = r"(?:[.。]|\s?[\[(]\s?(?:dot|punkt|punto|point)\s?[\])]\s?)"
_EMAIL = re.compile(rf"{_LOCAL}{_AT}{_HOST}{_DOT}[^\W\d_]{{2,24}}", re.IGNORECASE)

_DAY, _MONTH, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:19|20)\d\d"
_START, _END = r"(?<![\d+])(?<!\d[.\-/])", r"(?![.\-/]?\d)"
_HARMLESS = "|".join(
    (
        rf"{_START}{_YEAR}(?P<iso>[-./]){_MONTH}(?P=iso){_DAY}(?:[T ]\d\d?:\d\d(?::\d\d)?)?{_END}",
        rf"{_START}(?:{_DAY}[-./]{_MONTH}|{_MONTH}[-./]{_DAY})[-./](?:{_YEAR}|\d\d){_END}",
        rf"(?<![\d+]){_YEAR}(?:\s?[-–/,]\s?{_YEAR}|\s{_YEAR})*(?![ .\-/]?\d)",
        r"(?<![\d:])\d\d?:\d\d(?::\d\d)?(?![\d:])",
        r"(?<![\d.,/])(?:10|\d)(?:[.,]\d)?\s?/\s?(?:5|7|10|100)(?!\d)",
        r"(?<![\d+])(?:10|\d)(?:[ ,;]{1,2}(?:10|\d)(?!\d))+(?![ .\-/]?\d)",
        r"(?<![\d+.,])[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?(?!\d)",
        r"(?<![\d+.,])[1-9]\d?(?P<group>[. '’\u00a0\u202f])\d{3}(?:(?P=group)\d{3})?(?:,\d{1,2})?(?![ .\-/]?\d)",
        r"(?<![\d+.,])[1-9]\d{0,3}0{3,9}(?!\d)",
        r"[$€£¥₹]\s?\d[\d.,'\u00a0\u202f]*",
        r"(?<![\d+])[1-9]\d{0,8}(?:[.,]\d{1,2})?\s?(?:[€$£¥₹]|EUR|USD|GBP|CHF)(?!\w)",
    )
)
_RUN = r"\+?\(?\d(?:[\s.\-–/()]{0,3}\d)+"
_NUMBERS = re.compile(rf"(?P<harmless>{_HARMLESS})|(?P<run>{_RUN})")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?:[ \-]?[A-Z0-9]{4}){2,7}(?:[ \-]?[A-Z0-9]{1,3})?(?!\w)", re.IGNORECASE)

_PARTICLE_WORDS: Final = (
    "al bin da das de del den der di do dos du el ibn la le los of san st te ten ter van von zu zum zur and und y e"
    " dr mr mrs ms prof herr frau jr sr"
)
_PARTICLES: Final = frozenset(_PARTICLE_WORDS.split())
_WORDS_TOO: Final = (
    "art bill black blue bright brown case church cook dean early english ernst faith field frank french fuchs gold"
    " good grace grant gray green grey gross hand hope hunter jahn joy jung kaiser king klein koch lang law may mark"
    " miller noble north page park penny price rich rose sage short stark star stone storm sunny sweet swift vogel wall"
    " ward weiss west white will winter wise wolf wood young"
)
_ALSO_WORDS: Final = frozenset(_WORDS_TOO.split())
"""Names that are words too: hidden only where they are written with a capital letter."""
_NO_SPACES = re.compile(r"[\u0e00-\u0eff\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Scripts that write names without spaces around them."""


class Named(Protocol):
    """A customer, as far as masking is concerned."""

    name: str


def mask_text(text: str, names: Iterable[str] = ()) -> str:
    """`text` without e-mail addresses, numbers that can name somebody, and the parts of `names`.

    Takes time in proportion to the length of the text, whatever it holds.
    """
    if not text:
        return text
    masked = _EMAIL.sub(EMAIL_MASK, text)
    masked = _IBAN.sub(_account_number, masked)
    masked = _NUMBERS.sub(_number, masked)
    for pattern in _name_patterns(tuple(names)):
        masked = pattern.sub(NAME_MASK, unicodedata.normalize("NFC", masked))
    return masked


def _account_number(match: re.Match[str]) -> str:
    """A word after a short code is no account number: that has digits."""
    return NUMBER_MASK if sum(map(str.isdigit, match.group())) >= 2 + FEWEST_DIGITS else match.group()


def _number(match: re.Match[str]) -> str:
    run = match.group("run")
    if run is None:
        return match.group()
    digits = sum(map(str.isdigit, run))
    if digits < FEWEST_DIGITS - run.startswith("+"):
        return match.group()
    # An opening bracket that the run did not close belongs to the sentence.
    before = "(" if run.startswith("(") and run.count("(") > run.count(")") else ""
    return f"{before}{NUMBER_MASK}"


@lru_cache(maxsize=2048)
def _name_patterns(names: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    """Patterns for the parts of names: those hidden in any case, those only with a capital letter, those in between."""
    anywhere: set[str] = set()
    capital: set[str] = set()
    inside: set[str] = set()
    for name in names:
        whole = unicodedata.normalize("NFC", name or "").strip()
        if _NO_SPACES.search(whole):
            inside |= {part for part in (whole, *whole.split()) if len(part) >= 2}
            continue
        for part in re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", whole):
            lower = part.lower()
            if len(part) < 2 or lower in _PARTICLES:
                continue
            (capital if len(part) == 2 or lower in _ALSO_WORDS else anywhere).add(part)
    patterns = []
    if anywhere:
        patterns.append(re.compile(rf"(?<!\w)(?:{_either(anywhere)})s?(?!\w)", re.IGNORECASE))
    if capital:
        both = {part[:1].upper() + part[1:].lower() for part in capital} | {part.upper() for part in capital}
        patterns.append(re.compile(rf"(?<!\w)(?:{_either(both)})(?!\w)"))
    if inside:
        patterns.append(re.compile(_either(inside)))
    return tuple(patterns)


def _either(parts: Iterable[str]) -> str:
    return "|".join(re.escape(part) for part in sorted(parts, key=lambda part: (-len(part), part)))


def may_read_unmasked(actor: Actor, unit_id: UUID | None = None) -> bool:
    """Whether the actor reads the names and numbers in what customers wrote: everywhere, or in this unit."""
    return actor.can_everywhere(PERMISSION) or (unit_id is not None and actor.can(PERMISSION, unit_id))


def mask_for(actor: Actor, text: str, customer: Named | None = None, unit_id: UUID | None = None) -> str:
    """`text` as this actor may read it; `unit_id` is where it was written."""
    if not text or may_read_unmasked(actor, unit_id):
        return text
    return mask_text(text, (customer.name,) if customer else ())


def mask_values(value: Any, mask: Callable[[str], str]) -> Any:
    """JSON with every text in it masked; names of fields and numbers stay."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {name: mask_values(inner, mask) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [mask_values(inner, mask) for inner in value]
    return value
