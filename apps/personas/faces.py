"""A persona's face where it has no portrait: initials on a tone that stays the same for as long as it lives."""

from __future__ import annotations

from uuid import UUID

TONES = 5


def tone_of(pk: UUID) -> int:
    """One of five tones, from 0 to 4."""
    return pk.int % TONES


def initials_of(name: str) -> str:
    """One or two letters."""
    words = [word for word in name.split() if word[0].isalnum()]
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper() or "?"
