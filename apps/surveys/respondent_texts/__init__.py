"""What the respondent's pages say around the questions: one file of sentences for each language, beside this one.

The language of a survey is its own and not that of the interface, so these sentences do not go through gettext: a
respondent sees Arabic in an installation whose interface knows English only. A language without a file gets English.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent

LANGUAGES: Final = frozenset(file.stem for file in _HERE.glob("*.json"))
"""The languages that have a file."""

OWN_NAMES: Final[Mapping[str, str]] = {
    "ar": "العربية",
    "bg": "Български",
    "bn": "বাংলা",
    "ca": "Català",
    "cs": "Čeština",
    "da": "Dansk",
    "de": "Deutsch",
    "el": "Ελληνικά",
    "en": "English",
    "es": "Español",
    "et": "Eesti",
    "fa": "فارسی",
    "fi": "Suomi",
    "fr": "Français",
    "ga": "Gaeilge",
    "he": "עברית",
    "hi": "हिन्दी",
    "hr": "Hrvatski",
    "hu": "Magyar",
    "id": "Bahasa Indonesia",
    "it": "Italiano",
    "ja": "日本語",
    "ko": "한국어",
    "lt": "Lietuvių",
    "lv": "Latviešu",
    "ms": "Bahasa Melayu",
    "mt": "Malti",
    "nb": "Norsk bokmål",
    "nl": "Nederlands",
    "no": "Norsk",
    "pl": "Polski",
    "pt": "Português",
    "pt-br": "Português (Brasil)",
    "ro": "Română",
    "ru": "Русский",
    "sk": "Slovenčina",
    "sl": "Slovenščina",
    "sr": "Српски",
    "sv": "Svenska",
    "sw": "Kiswahili",
    "ta": "தமிழ்",
    "th": "ไทย",
    "tr": "Türkçe",
    "uk": "Українська",
    "ur": "اردو",
    "vi": "Tiếng Việt",
    "zh": "中文",
    "zh-hans": "简体中文",
    "zh-hant": "繁體中文",
}
"""What speakers of a language call it."""


def respondent_texts(language: str) -> Mapping[str, str]:
    """The sentences in a language, its base language, or English."""
    base = language.partition("-")[0]
    return _sentences(language if language in LANGUAGES else base if base in LANGUAGES else "en")


@cache
def _sentences(language: str) -> Mapping[str, str]:
    read: dict[str, str] = json.loads((_HERE / f"{language}.json").read_text(encoding="utf-8"))
    return read
