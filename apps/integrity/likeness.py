"""Comments that say nearly the same, word for word. Pure.

Two comments are alike when at least 80 % of their pairs of neighbouring words are the same (Jaccard), whatever the
case, accents, punctuation and numbers. They are found without comparing all with all by min-hashing (Broder, A. (1997),
On the resemblance of documents): comments that are alike share one of three prints with a probability of 95 %, those
that are the same always.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from itertools import pairwise
from typing import Final

LEAST_LETTERS: Final = 15
LEAST_WORDS: Final = 5
"""Shorter comments agree by chance: "excellent service" is what many say."""
ALIKE: Final = 0.8
MOST_WORDS: Final = 400
"""Only the beginning of a longer comment is compared."""

_WORD: Final = re.compile(r"[^\W\d_]+")
_ARABIC: Final = str.maketrans({"أ": "ا", "إ": "ا", "آ": "ا", "ة": "ه", "ى": "ي", "ـ": None})
_PRIME: Final = (1 << 61) - 1
_MIXERS: Final = (
    (0x1B873593CC9E2D51, 0x2545F4914F6CDD1D),
    (0x0A3B195AE2F4A77F, 0x165667B19E3779F9),
    (0x09E3779B97F4A7C1, 0x1C2B2AE35BD1E995),
    (0x1D6E8FEB86659FD9, 0x05851F42D4C957F2),
    (0x14057B7EF767814F, 0x0F1357AEA2E62A9C),
    (0x12E15E35B500F16E, 0x1FF51AFD7ED558CC),
)
_PRINTS: Final = 3


def folded(text: str) -> str:
    """The text in lower case, without accents and Arabic variants of letters."""
    decomposed = unicodedata.normalize("NFKD", text[:4_000].casefold())
    bare = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return unicodedata.normalize("NFC", bare).translate(_ARABIC).replace("’", "'")


def words_of(text: str) -> list[str]:
    """The words, without numbers, punctuation and signs."""
    return _WORD.findall(folded(text))[:MOST_WORDS]


def pairs_of(text: str) -> frozenset[tuple[str, str]]:
    """Pairs of neighbouring words; empty for a comment that is too short to be compared."""
    words = words_of(text)
    if len(words) < LEAST_WORDS or sum(map(len, words)) + len(words) - 1 < LEAST_LETTERS:
        return frozenset()
    return frozenset(pairwise(words))


def alike(one: frozenset[tuple[str, str]], other: frozenset[tuple[str, str]]) -> bool:
    """Whether at least ALIKE of all pairs of both are common."""
    return bool(one and other) and len(one & other) >= ALIKE * len(one | other)


def prints_of(text: str) -> list[int]:
    """Three numbers (signed, 63 bits); comments that are alike very likely share one. Empty for a short comment."""
    pairs = pairs_of(text)
    if not pairs:
        return []
    numbers = [zlib.crc32(" ".join(pair).encode()) + 1 for pair in pairs]
    lowest = [min((a * number + b) % _PRIME for number in numbers) for a, b in _MIXERS]
    width = len(_MIXERS) // _PRINTS
    return [(hash_of(tuple(lowest[band * width : (band + 1) * width]), band)) - (1 << 62) for band in range(_PRINTS)]


def hash_of(numbers: tuple[int, ...], band: int) -> int:
    """One number of several, the same in every process."""
    found = band + 1
    for number in numbers:
        found = (found * 0x100000001B3 + number) % _PRIME
    return found
