"""Comments that tell of having been asked for a good score. Pure.

A rule needs three things close together: somebody asks the customer ("she asked me", "me pidió", "soll ich"), for a
score to be given, and a good one ("a 10", "5 stars", "the highest score"). "You asked me to score it", "I cannot give a
10 yet" and "score me from 0 to 10" are none of it. Rules err on the side of silence: a mark that is wrong costs trust.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from apps.integrity.likeness import folded

_SCALE: Final = re.compile(
    r"\b(?:from |between |de |del |entre |von |zwischen |da |tra |van |tussen |من )?"
    r"(?:0|1|zero|one|cero|uno|null|eins|un|nul|een|um)\s*(?:-|–|to|and|a|al|y|bis|und|à|et|e|tot|en|ate|الى|و)\s*"
    r"(?:10|ten|diez|zehn|dix|dieci|dez|tien|5|five|cinco|funf|cinq|cinque|vijf)\b"
    r"|(?:\b(?:out of|von|sur|su|sobre|de|op de|van de|من)\s*|/\s*)(?:10|ten|diez|zehn|dix|dieci|dez|tien)\b"
)
"""A scale that is named, not a score: "from 0 to 10", "out of 10", "/10"."""

_GAP: Final = r"[^.!?؟\n]{0,40}?"
"""Anything within the sentence, but not much of it."""


def _rule(asks: str, gives: str, number: str, praise: str, requests: str = "") -> str:
    """Somebody asks, then a score is given that is a good number or named as good, or is asked for outright.

    A bare number needs a word of giving between: "they told me the 10th" is no score.
    """
    outright = rf"|\b(?:{requests}) (?:{number})\b" if requests else ""
    return rf"\b(?:{asks})\b{_GAP}(?:\b(?:{gives})\b{_GAP}\b(?:{number})\b|\b(?:{praise})\b{outright})"


_GOOD: Final = r"(?:top|highest?|best|good|perfect|full|maximum|excellent|positive|great)"
_RULES: Final = (
    _rule(
        asks=r"(?:ask(?:ed|s|ing)?|told|tells|beg(?:ged|s)?|urged|instructed|pressured|pushed|forced|made|wanted|wants"
        r"|requested|reminded|encouraged|advised) (?:me|us|for)"
        r"|(?:he|she|they|agent|advisor|adviser|technician|engineer|rep|staff|guy|lady|man|woman) "
        r"(?:said|says|suggested|insisted|hoped|promised)",
        gives="give|giving|leave|put|rate|score|select|choose|mark|click|press|vote",
        number=r"(?:an? )?(?:10|ten|9|nine)",
        praise=rf"(?:5|five) stars?|{_GOOD} (?:possible )?(?:scores?|marks?|ratings?|points?|reviews?)",
        requests="(?:asked|asks|asking|begged) (?:me |us )?for",
    ),
    rf"\b(?:if|when) (?:i|we) (?:give|gave|leave|left|put|score|scored|rated?|choose|chose)\b{_GAP}\b"
    rf"(?:10|ten|nine|(?:5|five) stars?|{_GOOD} (?:scores?|marks?|ratings?))\b{_GAP}"
    rf"\b(?:discount|voucher|bonus|free|refund|gift|credit|reward)\b",
    rf"\b(?:hat|haben|hatte|wurde|wurden|bat|baten|bittet|forderte|drangte) (?:mich|uns|ich|wir)\b{_GAP}"
    r"(?:\b(?:10|zehn|9|neun)\b" + _GAP + r"\b(?:geben|vergeben|drucken|wahlen|ankreuzen|bewerten|gebeten)\b"
    r"|\bum (?:eine )?(?:10|zehn|9|neun)\b|\b(?:5|funf) sterne?\b"
    r"|\b(?:beste|hochste|gute|volle)\w* (?:note|bewertung|punkt\w*)\b)",
    rf"\b(?:soll|sollte|sollten) (?:ich|wir)\b{_GAP}\b(?:10|zehn|9|neun|(?:5|funf) sterne?"
    rf"|(?:beste|hochste|volle)\w* (?:note|bewertung|punkt\w*))\b{_GAP}\b(?:geben|vergeben|drucken|wahlen|ankreuzen)\b",
    _rule(
        asks=r"(?:me|nos) (?:ha |han |habia |habian )?(?:pid\w+|pedido|dij\w+|dicho|rog\w+|oblig\w+|exig\w+|insist\w+)",
        gives=r"pon\w*|pusier\w+|d(?:ar|e|iera|ieramos)|valor\w+|puntu\w+|calific\w+|marc\w+|marque",
        number="(?:un |una )?(?:10|diez|9|nueve)",
        praise="(?:5|cinco) estrellas|(?:maxima|mejor|buena) (?:nota|puntuacion|calificacion|valoracion)"
        "|(?:nota|puntuacion|calificacion|valoracion) (?:maxima|alta|buena)",
    ),
    r"\bdame (?:un |una )?(?:10|diez|9|nueve)\b",
    _rule(
        asks=r"(?:m'a|m a|nous a|m'ont|m ont|nous ont|me|nous) "
        r"(?:demande\w*|dit|supplie\w*|prie\w*|oblige\w*|insiste\w*)",
        gives="mettre|mette|mets|donner|donne|noter|note|cocher|laisser",
        number="(?:un |une )?(?:10|dix|9|neuf)",
        praise="(?:5|cinq) etoiles|(?:meilleure|bonne|tres bonne) (?:note|evaluation)|note maximale",
    ),
    r"(?:طلب(?:ت|وا)?|قال(?:ت|وا)?|ترج(?:ي|ت)|رجا|اصر(?:ت)?)\s+(?:مني|منا|لي|لنا|علي)[^.!?؟\n]{0,40}?"
    r"(?:(?:ا?عط|ا?قيم|نقيم|ا?ضع|نضع)\w*[^.!?؟\n]{0,20}?(?:\b10\b|عشره|\b9\b|تسعه)"
    r"|(?:خمس|5) نجوم|اعلي (?:تقييم|درجه)|تقييم(?:ا)? (?:عالي|جيد|ممتاز))",
    _rule(
        asks="(?:mi|ci) (?:ha|hanno|aveva|avevano) (?:chiesto|detto|pregato|obbligato|invitato)",
        gives="mettere|metta|metti|dare|dia|lasciare|votare|valutare",
        number="(?:un )?(?:10|dieci|9|nove)",
        praise="(?:5|cinque) stelle|(?:voto|punteggio) (?:massimo|alto|buono)"
        "|(?:massimo|miglior|buon) (?:voto|punteggio)",
    ),
    _rule(
        asks=r"me (?:pedi\w+|disse\w*|obrig\w+)|(?:pedi\w+|disse\w*)[- ](?:me|nos)"
        r"|(?:pediu|pediram|disse|disseram) para",
        gives="dar|de|desse|colocar|por|avaliar|marcar",
        number="(?:um |uma )?(?:nota )?(?:10|dez|9|nove)",
        praise="(?:5|cinco) estrelas|(?:nota|avaliacao) (?:maxima|alta|boa)|(?:melhor|boa) (?:nota|avaliacao)",
    ),
    r"\b(?:vroeg|vroegen|zei|zeiden|verzocht|smeekte|heeft|hebben|had) (?:mij|me|ons)\b" + _GAP + r"(?:"
    r"\b(?:10|tien|9|negen)\b" + _GAP + r"\b(?:geven|gevraagd|invullen|kiezen)\b|\bom een (?:10|tien|9|negen)\b"
    r"|\b(?:5|vijf) sterren\b|\b(?:hoogste|beste|goede) (?:cijfer|score|beoordeling)\b)",
)
_COACHED: Final = re.compile("|".join(f"(?:{rule})" for rule in _RULES))
_REFUSES: Final = re.compile(
    r"\b(?:10|ten|zehn|diez|dix|dieci|dez|tien)\s*(?:times?|minutes?|mins?|days?|weeks?|months?|hours?|years?|pounds?"
    r"|euros?|dollars?|percent|minuten|tage?|wochen|monate|stunden|veces|minutos|dias|semanas|meses|horas|fois|jours"
    r"|semaines|mois|heures|volte|minuti|giorni|settimane|mesi|ore|vezes|keer|dagen|weken|maanden|uur|دقايق|دقيقه|ايام|مرات|يوم"
    r"|am|pm|uhr)\b|[£$€]\s*\d+|\d+\s*(?:%|£|\$|€)"
)
"""Tens that are no score: ten minutes, ten days, 10 %."""


def is_coached(text: str) -> bool:
    """Whether a comment says that somebody asked for a good score. Takes some 40 microseconds."""
    words = folded(text)
    if len(words) < 8:
        return False
    return _COACHED.search(_REFUSES.sub(" ", _SCALE.sub(" ", words))) is not None


def coached(texts: Iterable[tuple[object, str]]) -> list[object]:
    """The keys of the comments that are."""
    return [key for key, text in texts if is_coached(text)]
