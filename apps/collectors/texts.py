"""What kiosks and posters say by themselves, in every language that has standard wordings.

As with the respondent's pages, the language is the survey's and not the interface's, so these do not go through
gettext. A language missing here gets English.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

KIOSK: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "skip": "Skip",
        "still_there": "Still there?",
        "go_on": "Continue",
        "seconds": "Starting again in {n}",
        "no_room": "Your answer could not be kept. Please tell the staff.",
    },
    "de": {
        "skip": "Überspringen",
        "still_there": "Sind Sie noch da?",
        "go_on": "Weitermachen",
        "seconds": "Neubeginn in {n}",
        "no_room": "Ihre Antwort konnte nicht gespeichert werden. Bitte sagen Sie es dem Personal.",
    },
    "es": {
        "skip": "Omitir",
        "still_there": "¿Sigue ahí?",
        "go_on": "Continuar",
        "seconds": "Se reinicia en {n}",
        "no_room": "No se ha podido guardar su respuesta. Avise al personal.",
    },
    "fr": {
        "skip": "Passer",
        "still_there": "Êtes-vous toujours là\u202f?",
        "go_on": "Continuer",
        "seconds": "Nouveau départ dans {n}",
        "no_room": "Votre réponse n’a pas pu être gardée. Veuillez prévenir le personnel.",
    },
    "ar": {
        "skip": "تخطٍّ",
        "still_there": "هل ما زلت هنا؟",
        "go_on": "متابعة",
        "seconds": "نبدأ من جديد بعد {n}",
        "no_room": "تعذّر حفظ إجابتك. يرجى إبلاغ الموظفين.",
    },
}

POSTER: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "headline": "How was it?",
        "text": "Scan the code and tell us. It takes {minutes}.",
        "minute": "one minute",
        "minutes": "{n} minutes",
        "type": "Or open",
        "anonymous": "Your answer is anonymous.",
        "unlinked": "We see your answer, not who you are.",
    },
    "de": {
        "headline": "Wie war es?",
        "text": "Scannen Sie den Code und sagen Sie es uns. Es dauert {minutes}.",
        "minute": "eine Minute",
        "minutes": "{n} Minuten",
        "type": "Oder öffnen Sie",
        "anonymous": "Ihre Antwort ist anonym.",
        "unlinked": "Wir sehen Ihre Antwort, nicht wer Sie sind.",
    },
    "es": {
        "headline": "¿Qué le ha parecido?",
        "text": "Escanee el código y díganoslo. Tarda {minutes}.",
        "minute": "un minuto",
        "minutes": "{n} minutos",
        "type": "O abra",
        "anonymous": "Su respuesta es anónima.",
        "unlinked": "Vemos su respuesta, no quién es usted.",
    },
    "fr": {
        "headline": "Comment était-ce\u202f?",
        "text": "Scannez le code et dites-le-nous. Cela prend {minutes}.",
        "minute": "une minute",
        "minutes": "{n} minutes",
        "type": "Ou ouvrez",
        "anonymous": "Votre réponse est anonyme.",
        "unlinked": "Nous voyons votre réponse, pas qui vous êtes.",
    },
    "ar": {
        "headline": "كيف كانت تجربتك؟",
        "text": "امسح الرمز وأخبرنا. لن يستغرق ذلك أكثر من {minutes}.",
        "minute": "دقيقة واحدة",
        "minutes": "{n} دقائق",
        "type": "أو افتح",
        "anonymous": "إجابتك مجهولة الهوية.",
        "unlinked": "نرى إجابتك دون أن نعرف من أنت.",
    },
}


def kiosk_texts(language: str) -> Mapping[str, str]:
    """What a kiosk says besides the respondent's sentences, in a language, its base language, or English."""
    return KIOSK.get(language) or KIOSK.get(language.partition("-")[0]) or KIOSK["en"]


def poster_texts(language: str) -> Mapping[str, str]:
    """What a poster says, in a language, its base language, or English."""
    return POSTER.get(language) or POSTER.get(language.partition("-")[0]) or POSTER["en"]
