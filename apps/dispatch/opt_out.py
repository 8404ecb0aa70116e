"""Opt-out words: an answer, a reply or an imported comment that is nothing but STOP, in any language.

The word has to be the whole text: "stop" suppresses, "stop changing the prices" is feedback. Such an answer still
counts as an answer; the person behind it is never mailed again.

Pure: the list, the normalisation and the match. `handlers.hear_answers` acts on it.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "en": (
        "stop", "stop all", "stopall", "stop it", "stop please", "please stop", "unsubscribe", "unsubscribe me",
        "opt out", "optout", "opt me out", "cancel", "end", "quit", "revoke", "remove me", "take me off",
        "stop emailing me", "stop texting me", "stop mailing me", "stop messaging me", "stop surveys",
        "no more emails", "no more surveys", "do not contact me", "dont contact me", "do not contact",
    ),
    "de": ("stopp", "abmelden", "abbestellen", "austragen", "abmeldung", "keine e-mails mehr"),
    "fr": ("arrêt", "arrêter", "arrêtez", "se désabonner", "désabonner", "désabonnement", "désinscrire",
           "désinscription", "me désinscrire", "stop svp"),
    "es": ("baja", "darme de baja", "dar de baja", "alto", "parar", "detener", "cancelar", "cancelar suscripción",
           "desuscribir", "anular suscripción", "no más correos"),
    "pt": ("sair", "pare", "parar", "cancelar inscrição", "descadastrar", "remover", "cancelar subscrição"),
    "it": ("ferma", "fermare", "annulla", "annulla iscrizione", "disiscrivimi", "disiscrizione", "cancellami"),
    "nl": ("afmelden", "uitschrijven", "stoppen", "meld me af"),
    "da": ("afmeld", "frameld", "stands"),
    "sv": ("avregistrera", "avsluta", "avanmäl"),
    "nb": ("avmeld", "meld meg av"),
    "is": ("afskrá",),
    "fi": ("lopeta", "peru", "peruuta", "peruuta tilaus", "seis"),
    "et": ("lõpeta", "loobu", "peata"),
    "lv": ("atteikties", "apturēt", "beigt"),
    "lt": ("sustabdyti", "atsisakyti", "stabdyti"),
    "pl": ("wypisz", "wypisz mnie", "rezygnuję", "zrezygnuj", "anuluj", "przestań"),
    "cs": ("odhlásit", "odhlásit se", "zrušit"),
    "sk": ("odhlásiť", "odhlásiť sa", "zrušiť"),
    "sl": ("odjava", "ustavi", "prekini"),
    "hr": ("odjavi", "odjavi me", "odjava", "zaustavi"),
    "sr": ("одјави", "одјава", "стани", "заустави"),
    "bg": ("отпиши", "отпишете ме", "спри", "спрете"),
    "mk": ("одјави се", "сопри"),
    "ru": ("стоп", "отписаться", "отписка", "отпишите", "отпишите меня", "отмена", "прекратите"),
    "uk": ("відписатися", "відпишіть", "скасувати", "зупинити"),
    "be": ("адпісацца", "спыніць"),
    "ro": ("dezabonare", "dezabonează", "dezabonați", "anulează", "opriți"),
    "hu": ("leiratkozás", "leiratkozom", "állj"),
    "el": ("στοπ", "διακοπή", "διαγραφή", "απεγγραφή", "σταματήστε"),
    "tr": ("dur", "iptal", "ret", "durdur", "abonelikten çık", "çık"),
    "az": ("dayan", "ləğv et"),
    "sq": ("ndalo", "çregjistrohu", "çabonohu"),
    "ca": ("atura", "atureu", "cancel·lar", "donar de baixa"),
    "eu": ("gelditu", "baja eman"),
    "gl": ("deter", "dar de baixa"),
    "ga": ("stad",),
    "cy": ("stopio", "dad-danysgrifio"),
    "mt": ("ieqaf", "waqqaf"),
    "ar": ("توقف", "أوقف", "إيقاف", "قف", "إلغاء", "إلغاء الاشتراك", "الغاء الاشتراك"),
    "fa": ("لغو", "لغو اشتراک", "توقف"),
    "ur": ("بند کرو", "روکیں", "بند کریں"),
    "he": ("הסר", "הסירו", "הסר אותי", "עצור", "להסיר"),
    "hi": ("रोकें", "रोको", "बंद करो", "बंद करें", "सदस्यता रद्द करें"),
    "bn": ("বন্ধ", "বন্ধ করুন", "থামুন"),
    "mr": ("थांबा", "थांबवा", "बंद करा"),
    "ta": ("நிறுத்து", "நிறுத்துங்கள்"),
    "te": ("ఆపు", "ఆపండి"),
    "ne": ("रोक्नुहोस्",),
    "zh": ("停止", "退订", "退訂", "取消订阅", "取消訂閱", "停", "别发了", "td"),
    "ja": ("停止", "配信停止", "ストップ", "解除", "退会", "購読解除", "やめて", "中止"),
    "ko": ("수신거부", "수신 거부", "중지", "그만", "정지", "스톱", "구독 취소", "해지"),
    "vi": ("dừng", "dừng lại", "hủy", "huỷ", "hủy đăng ký", "từ chối"),
    "th": ("หยุด", "ยกเลิก", "ยกเลิกการรับ"),
    "id": ("berhenti", "berhenti berlangganan", "hentikan", "batal", "batalkan"),
    "ms": ("henti", "berhenti melanggan", "hentikan langganan"),
    "tl": ("tigil", "itigil", "hinto", "ihinto"),
    "sw": ("acha", "simamisha", "ondoa", "sitisha"),
    "af": ("staak", "teken uit", "hou op"),
    "am": ("አቁም",),
    "ka": ("გაჩერდი", "შეჩერება", "გაუქმება"),
    "hy": ("դադարեցնել", "կանգ"),
    "kk": ("тоқтату", "тоқта"),
    "uz": ("to'xtat", "toxtat", "bekor qilish"),
    "mn": ("зогсоо", "болих"),
    "km": ("ឈប់",),
    "my": ("ရပ်", "ရပ်ပါ"),
    "zu": ("misa", "yima"),
    "ha": ("tsaya", "daina"),
    "yo": ("duro",),
    "so": ("jooji",),
}  # fmt: skip

_ONLY_IN_ITS_LANGUAGE: Final[frozenset[str]] = frozenset(
    {"end", "dur", "ret", "seis", "peru", "alto", "stad", "stands", "misa", "acha", "pare", "deter", "sair",
     "batal", "duro", "td", "ferma", "стани"}
)  # fmt: skip
"""Words that are an ordinary answer in some other language ("dur" is stop in Turkish and hard in French): they count
only in an answer given in their own language."""

LONGEST: Final = 60
"""Texts longer than this are never looked at: no opt-out phrase is."""


def normalised(text: str) -> str:
    """`text` as it is compared: compatibility forms unified, no case, no accents, no punctuation, single spaces."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    kept = []
    for character in decomposed:
        if character == "ı":
            character = "i"
        category = unicodedata.category(character)
        if category[0] in "LN" or category == "Mc":
            kept.append(character)
        elif category == "Mn":
            kept.append("" if _is_accent(character) else character)
        elif category[0] == "Z" or character in "\t\n\r" or category == "Pd":
            kept.append(" ")
    return " ".join("".join(kept).split())


def _is_accent(mark: str) -> bool:
    """European accents and Arabic or Hebrew points may be left out; vowel signs of Indic and Thai scripts may not."""
    return unicodedata.combining(mark) not in (0, 9) and ord(mark) < 0x0900


def _anywhere() -> frozenset[str]:
    return frozenset(
        normalised(word) for words in _WORDS.values() for word in words if word not in _ONLY_IN_ITS_LANGUAGE
    )


_ANYWHERE: Final = _anywhere()
_BY_LANGUAGE: Final[dict[str, frozenset[str]]] = {
    language: frozenset(normalised(word) for word in words) for language, words in _WORDS.items()
}


def is_opt_out(text: object, language: str = "") -> bool:
    """Is `text` nothing but an opt-out word? Anything that is not a short string is not.

    `language` is the language the text was given in, if known (`de`, `pt-BR`); it decides on words that mean stop in
    one language and something harmless in another.
    """
    if not isinstance(text, str) or len(text) > LONGEST:
        return False
    words = normalised(text)
    return words in _ANYWHERE or words in _BY_LANGUAGE.get(language.casefold().split("-")[0].split("_")[0], frozenset())
