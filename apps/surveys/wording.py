"""The standard wordings of NPS, CSAT and CES, by language, and the definition made of them.

The English sentences are those of the metric rules, to the letter: an NPS asked otherwise is another measurement. The
other languages follow the published translations of the same scales in meaning and in the strength of both ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from apps.surveys.definition import Definition, Question, parse_definition

SCORE_QUESTION: Final = "score"
REASON_QUESTION: Final = "reason"

LANGUAGE_NAMES: Final[Mapping[str, str]] = {
    "en": "English",
    "de": "Deutsch",
    "es": "Español",
    "fr": "Français",
    "ar": "العربية",
}
"""Languages that have standard wordings, each by its own name."""

RIGHT_TO_LEFT: Final = frozenset({"ar", "he", "fa", "ur", "ps", "sd", "ug", "yi", "dv", "ckb"})

_TITLES: Final[Mapping[str, Mapping[str, str]]] = {
    "nps": {
        "en": "How likely are you to recommend {organization} to a friend or colleague?",
        "de": "Wie wahrscheinlich ist es, dass Sie {organization} Freunden oder Kollegen weiterempfehlen?",
        "es": "¿Qué probabilidad hay de que recomiende {organization} a un amigo o colega?",
        "fr": "Quelle est la probabilité que vous recommandiez {organization} à un ami ou à un collègue\u202f?",
        "ar": "ما مدى احتمال أن توصي بـ {organization} لصديق أو زميل؟",
    },
    "csat": {
        "en": "How satisfied were you with {touchpoint}?",
        "de": "Wie zufrieden waren Sie mit {touchpoint}?",
        "es": "¿Cuál fue su grado de satisfacción con {touchpoint}?",
        "fr": "Quel a été votre niveau de satisfaction concernant {touchpoint}\u202f?",
        "ar": "ما مدى رضاك عن {touchpoint}؟",
    },
    "ces": {
        "en": "{organization} made it easy for me to handle my issue.",
        "de": "{organization} hat es mir leicht gemacht, mein Anliegen zu erledigen.",
        "es": "{organization} me facilitó resolver mi asunto.",
        "fr": "Grâce à {organization}, il m’a été facile de régler ma demande.",
        "ar": "سهّلت {organization} عليّ معالجة مشكلتي.",
    },
}

_LABELS: Final[Mapping[str, Mapping[int, Mapping[str, str]]]] = {
    "nps": {
        0: {
            "en": "Not at all likely",
            "de": "Überhaupt nicht wahrscheinlich",
            "es": "Nada probable",
            "fr": "Pas du tout probable",
            "ar": "غير محتمل إطلاقًا",
        },
        10: {
            "en": "Extremely likely",
            "de": "Äußerst wahrscheinlich",
            "es": "Extremadamente probable",
            "fr": "Extrêmement probable",
            "ar": "محتمل للغاية",
        },
    },
    "csat": {
        1: {
            "en": "Very dissatisfied",
            "de": "Sehr unzufrieden",
            "es": "Muy insatisfecho",
            "fr": "Très insatisfait",
            "ar": "غير راضٍ إطلاقًا",
        },
        5: {
            "en": "Very satisfied",
            "de": "Sehr zufrieden",
            "es": "Muy satisfecho",
            "fr": "Très satisfait",
            "ar": "راضٍ جدًا",
        },
    },
    "ces": {
        1: {
            "en": "Strongly disagree",
            "de": "Stimme überhaupt nicht zu",
            "es": "Totalmente en desacuerdo",
            "fr": "Pas du tout d’accord",
            "ar": "لا أوافق بشدة",
        },
        7: {
            "en": "Strongly agree",
            "de": "Stimme voll und ganz zu",
            "es": "Totalmente de acuerdo",
            "fr": "Tout à fait d’accord",
            "ar": "أوافق بشدة",
        },
    },
}

_REASON: Final[Mapping[str, str]] = {
    "en": "What is the main reason for your score?",
    "de": "Was ist der wichtigste Grund für Ihre Bewertung?",
    "es": "¿Cuál es el motivo principal de su puntuación?",
    "fr": "Quelle est la raison principale de votre note\u202f?",
    "ar": "ما السبب الرئيسي لتقييمك؟",
}

_FOLLOW_UP: Final[Mapping[str, Mapping[str, str]]] = {
    "low": {
        "en": "What went wrong, and what should we fix first?",
        "de": "Was ist schiefgelaufen, und was sollten wir zuerst verbessern?",
        "es": "¿Qué salió mal y qué deberíamos arreglar primero?",
        "fr": "Qu’est-ce qui n’a pas été, et que devrions-nous corriger en premier\u202f?",
        "ar": "ما المشكلة، وما الذي يجب أن نصلحه أولًا؟",
    },
    "middle": {
        "en": "What would have made it better?",
        "de": "Was hätte es besser gemacht?",
        "es": "¿Qué lo habría hecho mejor?",
        "fr": "Qu’est-ce qui l’aurait amélioré\u202f?",
        "ar": "ما الذي كان سيجعل التجربة أفضل؟",
    },
    "high": {
        "en": "What did we do especially well?",
        "de": "Was haben wir besonders gut gemacht?",
        "es": "¿Qué hicimos especialmente bien?",
        "fr": "Qu’avons-nous fait particulièrement bien\u202f?",
        "ar": "ما الذي أحسنّا فعله بشكل خاص؟",
    },
}

_NPS_MIDDLE: Final[Mapping[str, str]] = {
    "en": "What would have made it a 9 or 10?",
    "de": "Was hätte es zu einer 9 oder 10 gemacht?",
    "es": "¿Qué habría hecho falta para un 9 o un 10?",
    "fr": "Qu’aurait-il fallu pour un 9 ou un 10\u202f?",
    "ar": "ما الذي كان سيجعلها 9 أو 10؟",
}

_SERVICE: Final[Mapping[str, str]] = {
    "en": "our service",
    "de": "unserem Service",
    "es": "nuestro servicio",
    "fr": "notre service",
    "ar": "خدمتنا",
}
"""What a CSAT survey without a touchpoint is about."""

_OPEN: Final[Mapping[str, str]] = {
    "en": "What would you like to tell us?",
    "de": "Was möchten Sie uns mitteilen?",
    "es": "¿Qué le gustaría decirnos?",
    "fr": "Que souhaitez-vous nous dire\u202f?",
    "ar": "ما الذي تود أن تخبرنا به؟",
}

_THANKS: Final[Mapping[str, str]] = {
    "en": "Thank you. Your answer has arrived.",
    "de": "Vielen Dank. Ihre Antwort ist angekommen.",
    "es": "Gracias. Su respuesta ha llegado.",
    "fr": "Merci. Votre réponse est bien arrivée.",
    "ar": "شكرًا لك. وصلت إجابتك.",
}


_EMPLOYEE_TITLES: Final[Mapping[str, str]] = {
    "en": "How likely are you to recommend {organization} to a friend or colleague as a place to work?",
    "de": "Wie wahrscheinlich ist es, dass Sie {organization} Freunden oder Kollegen als Arbeitgeber weiterempfehlen?",
    "es": "¿Qué probabilidad hay de que recomiende {organization} a un amigo o colega como lugar de trabajo?",
    "fr": "Quelle est la probabilité que vous recommandiez {organization} à un proche comme employeur\u202f?",
    "ar": "ما مدى احتمال أن توصي بـ {organization} لصديق أو زميل كمكان للعمل؟",
}
"""The NPS question to employees (eNPS)."""


def standard_title(
    kind: str,
    language: str,
    organization_name: str,
    touchpoint_name: str = "",
    subjects: Mapping[str, str] | None = None,
) -> str:
    """The standard wording of a kind's score question, in English where a language has none.

    Without a touchpoint a CSAT question is about ``subjects`` (by language), else about the service.
    """
    titles = _TITLES[kind]
    code = language.partition("-")[0] if language not in titles else language
    title = titles.get(code, titles["en"])
    about = subjects or _SERVICE
    subject = touchpoint_name.strip() or about.get(code, about["en"])
    return _filled(title, organization_name, subject)


def employee_title(language: str, organization_name: str) -> str:
    """The wording of the NPS question in a survey of employees, in English where a language has none."""
    title = _EMPLOYEE_TITLES.get(language) or _EMPLOYEE_TITLES.get(language.partition("-")[0])
    return _filled(title or _EMPLOYEE_TITLES["en"], organization_name, "")


def _filled(title: str, organization_name: str, subject: str) -> str:
    names = {"{organization}": organization_name.strip(), "{touchpoint}": subject}
    return re.sub(r"\{\w+\}", lambda place: names[place.group()], title)


def in_languages(texts: Mapping[str, str], languages: Iterable[str]) -> dict[str, str]:
    """A text in these languages: exactly, else in the base language, else in English."""
    return {code: texts.get(code) or texts.get(code.partition("-")[0]) or texts["en"] for code in languages}


def standard_question(
    kind: str,
    codes: Iterable[str],
    organization_name: str,
    touchpoint_name: str = "",
    subjects: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The score question of a kind (nps, csat, ces) as documented JSON."""
    codes = tuple(codes)
    return {
        "id": SCORE_QUESTION,
        "type": kind,
        "required": True,
        "title": {code: standard_title(kind, code, organization_name, touchpoint_name, subjects) for code in codes},
        "labels": {str(point): in_languages(texts, codes) for point, texts in _LABELS[kind].items()},
    }


def standard_reason(kind: str, codes: Iterable[str]) -> dict[str, Any]:
    """The open question after a score, worded by the score, as documented JSON."""
    codes = tuple(codes)
    follow_up = {**_FOLLOW_UP, "middle": _NPS_MIDDLE} if kind == "nps" else _FOLLOW_UP
    return {
        "id": REASON_QUESTION,
        "type": "text",
        "title": in_languages(_REASON, codes),
        "follow_up": {band: in_languages(texts, codes) for band, texts in follow_up.items()},
    }


def standard_thanks(codes: Iterable[str]) -> dict[str, str]:
    """What the last page says."""
    return in_languages(_THANKS, codes)


def standard_definition(
    kind: str, languages: Iterable[str], organization_name: str, touchpoint_name: str = ""
) -> Definition:
    """The standard question of a kind (nps, csat, ces) and one open question; for ``custom`` the open question alone.

    A language without a standard wording gets the English sentences, to be edited before publishing.
    """
    codes = tuple(languages) or ("en",)
    if kind in _TITLES:
        questions = [
            standard_question(kind, codes, organization_name, touchpoint_name),
            standard_reason(kind, codes),
        ]
    else:
        questions = [{"id": REASON_QUESTION, "type": "text", "title": in_languages(_OPEN, codes)}]
    return parse_definition(
        {
            "version": 1,
            "languages": list(codes),
            "pages": [{"id": "p1", "questions": questions}],
            "thank_you": {"title": standard_thanks(codes)},
        }
    )


def is_standard_wording(definition: Definition, kind: str, organization_name: str, touchpoint_name: str = "") -> bool:
    """Whether the score question still asks what the metric's rule says, in every language that has a standard."""
    question = definition.questions.get(SCORE_QUESTION) or definition.headline
    if kind not in _TITLES or question is None:
        return True
    return all(
        question.title.get(code) == standard_title(kind, code, organization_name, touchpoint_name)
        for code in definition.languages
        if code.partition("-")[0] in LANGUAGE_NAMES
    )


def is_standard_question(
    question: Question, language: str, organization_name: str, touchpoint_name: str = "", *, audience: str = "customers"
) -> bool:
    """Whether an NPS, CSAT or CES question asks in one language what the metric's rule says.

    True for every other question and for languages without a standard wording. CSAT may be about any subject; the
    organisation's name may also be repeated by ``{{ organization }}``; of employees eNPS has a wording of its own.
    """
    kind, code = question.type, language.partition("-")[0]
    if kind not in _TITLES or code not in LANGUAGE_NAMES or language not in question.title:
        return True
    asked = re.sub(r"\{\{\s*organization\s*\}\}", lambda _found: organization_name.strip(), question.title[language])
    titles = [_TITLES[kind].get(language) or _TITLES[kind][code]]
    if kind == "nps" and audience == "employees":
        titles.append(_EMPLOYEE_TITLES[code])
    for title in titles:
        pattern = re.escape(title).replace(r"\{organization\}", re.escape(organization_name.strip()))
        if re.fullmatch(pattern.replace(r"\{touchpoint\}", "(?s:.+)"), asked.strip()):
            return True
    return False


def is_right_to_left(language: str) -> bool:
    """Whether a language is written from right to left."""
    return language.partition("-")[0] in RIGHT_TO_LEFT
