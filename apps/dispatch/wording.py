"""The fixed words of a survey mail, in the languages respondents are asked in.

Not gettext: the recipient's language has nothing to do with the language of the person at the screen or of the worker
that sends, and a mail must read the same whatever catalogues an installation has. A language that is not here reads
English around its own question.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from apps.surveys.wording import is_right_to_left


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language; braces hold what is filled in."""

    hello: str
    hello_name: str
    opening: str
    subject_touchpoint: str
    subject: str
    browser: str
    answer: str
    why: str
    how_often: str
    stop: str
    privacy: str
    reminder: str


_WORDS: Final[dict[str, Words]] = {
    "en": Words(
        hello="Hello,",
        hello_name="Hello {name},",
        opening="One question, about one minute.",
        subject_touchpoint="One question about {touchpoint}",
        subject="One question from {organization}",
        browser="Numbers not working? Answer in the browser",
        answer="Answer in the browser",
        why="You get this because you are a customer of {organization}.",
        how_often="We send at most {limit} in {days} days.",
        stop="Stop these surveys",
        privacy="Privacy",
        reminder="Reminder: {subject}",
    ),
    "de": Words(
        hello="Guten Tag,",
        hello_name="Guten Tag {name},",
        opening="Eine Frage, etwa eine Minute.",
        subject_touchpoint="Eine Frage zu: {touchpoint}",
        subject="Eine Frage von {organization}",
        browser="Die Zahlen lassen sich nicht antippen? Im Browser antworten",
        answer="Im Browser antworten",
        why="Sie erhalten diese Nachricht, weil Sie Kundin oder Kunde von {organization} sind.",
        how_often="Wir senden höchstens {limit} in {days} Tagen.",
        stop="Keine Umfragen mehr",
        privacy="Datenschutz",
        reminder="Erinnerung: {subject}",
    ),
    "fr": Words(
        hello="Bonjour,",
        hello_name="Bonjour {name},",
        opening="Une question, environ une minute.",
        subject_touchpoint="Une question : {touchpoint}",
        subject="Une question de {organization}",
        browser="Les chiffres ne fonctionnent pas ? Répondre dans le navigateur",
        answer="Répondre dans le navigateur",
        why="Vous recevez ce message car vous faites partie de la clientèle de {organization}.",
        how_often="Nous en envoyons au plus {limit} en {days} jours.",
        stop="Ne plus recevoir ces enquêtes",
        privacy="Confidentialité",
        reminder="Rappel : {subject}",
    ),
    "es": Words(
        hello="Hola:",
        hello_name="Hola, {name}:",
        opening="Una pregunta, alrededor de un minuto.",
        subject_touchpoint="Una pregunta: {touchpoint}",
        subject="Una pregunta de {organization}",
        browser="¿No funcionan los números? Responder en el navegador",
        answer="Responder en el navegador",
        why="Recibe este mensaje porque es cliente de {organization}.",
        how_often="Enviamos como máximo {limit} en {days} días.",
        stop="No recibir más encuestas",
        privacy="Privacidad",
        reminder="Recordatorio: {subject}",
    ),
    "it": Words(
        hello="Buongiorno,",
        hello_name="Buongiorno {name},",
        opening="Una domanda, circa un minuto.",
        subject_touchpoint="Una domanda: {touchpoint}",
        subject="Una domanda da {organization}",
        browser="I numeri non funzionano? Rispondi nel browser",
        answer="Rispondi nel browser",
        why="Ricevi questo messaggio perché sei cliente di {organization}.",
        how_often="Ne inviamo al massimo {limit} in {days} giorni.",
        stop="Non ricevere più sondaggi",
        privacy="Privacy",
        reminder="Promemoria: {subject}",
    ),
    "nl": Words(
        hello="Hallo,",
        hello_name="Hallo {name},",
        opening="Eén vraag, ongeveer één minuut.",
        subject_touchpoint="Eén vraag over: {touchpoint}",
        subject="Eén vraag van {organization}",
        browser="Werken de cijfers niet? Antwoord in de browser",
        answer="Antwoord in de browser",
        why="U krijgt dit bericht omdat u klant bent van {organization}.",
        how_often="Wij sturen er hooguit {limit} in {days} dagen.",
        stop="Geen enquêtes meer",
        privacy="Privacy",
        reminder="Herinnering: {subject}",
    ),
    "pt": Words(
        hello="Olá,",
        hello_name="Olá, {name},",
        opening="Uma pergunta, cerca de um minuto.",
        subject_touchpoint="Uma pergunta: {touchpoint}",
        subject="Uma pergunta de {organization}",
        browser="Os números não funcionam? Responder no navegador",
        answer="Responder no navegador",
        why="Recebe esta mensagem porque é cliente de {organization}.",
        how_often="Enviamos no máximo {limit} em {days} dias.",
        stop="Não receber mais inquéritos",
        privacy="Privacidade",
        reminder="Lembrete: {subject}",
    ),
    "pl": Words(
        hello="Dzień dobry,",
        hello_name="Dzień dobry, {name},",
        opening="Jedno pytanie, około minuty.",
        subject_touchpoint="Jedno pytanie: {touchpoint}",
        subject="Jedno pytanie od {organization}",
        browser="Liczby nie działają? Odpowiedz w przeglądarce",
        answer="Odpowiedz w przeglądarce",
        why="Ta wiadomość przyszła, ponieważ korzystają Państwo z usług {organization}.",
        how_often="Wysyłamy najwyżej {limit} na {days} dni.",
        stop="Nie chcę więcej ankiet",
        privacy="Prywatność",
        reminder="Przypomnienie: {subject}",
    ),
    "tr": Words(
        hello="Merhaba,",
        hello_name="Merhaba {name},",
        opening="Tek soru, yaklaşık bir dakika.",
        subject_touchpoint="Tek soru: {touchpoint}",
        subject="{organization}: tek soru",
        browser="Sayılar çalışmıyor mu? Tarayıcıda yanıtlayın",
        answer="Tarayıcıda yanıtlayın",
        why="Bu iletiyi {organization} müşterisi olduğunuz için aldınız.",
        how_often="{days} günde en çok {limit} anket göndeririz.",
        stop="Bu anketleri durdur",
        privacy="Gizlilik",
        reminder="Hatırlatma: {subject}",
    ),
    "ar": Words(
        hello="مرحبًا،",
        hello_name="مرحبًا {name}،",
        opening="سؤال واحد، نحو دقيقة واحدة.",
        subject_touchpoint="سؤال واحد: {touchpoint}",
        subject="سؤال واحد من {organization}",
        browser="الأرقام لا تعمل؟ أجب في المتصفح",
        answer="أجب في المتصفح",
        why="تصلك هذه الرسالة لأنك من عملاء {organization}.",
        how_often="نرسل {limit} كحد أقصى خلال {days} يومًا.",
        stop="أوقفوا هذه الاستبيانات",
        privacy="الخصوصية",
        reminder="تذكير: {subject}",
    ),
}


def words_in(language: str) -> Words:
    """The words of `language` (`de`, `pt-BR`), English where it is not among ours."""
    return _WORDS.get(primary(language), _WORDS["en"])


def primary(language: str) -> str:
    """`pt` of `pt-BR`."""
    return language.casefold().replace("_", "-").split("-")[0]


def direction(language: str) -> str:
    """`rtl` or `ltr`, as HTML's `dir` wants it."""
    return "rtl" if is_right_to_left(language) else "ltr"
