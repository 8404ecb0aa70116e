"""What is marked at an answer, in words. Codes that are not known here are shown as they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from apps.integrity.flags import FLAGS

WORDS: Final[dict[str, Any]] = {code: flag.label for code, flag in FLAGS.items()} | {
    "scanner": _("Looks like a mail scanner"),
    "words_forgotten": _("Own words removed"),
}


def flag_words(flags: Iterable[str]) -> list[str]:
    """Each mark in words."""
    return [str(WORDS.get(flag, flag)) for flag in flags]
