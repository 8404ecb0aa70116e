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
    why_member: str
    how_often: str
    stop: str
    privacy: str
    reminder: str
    stop_text: str


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
        why_member="You get this because you work at {organization}.",
        how_often="We send at most {limit} in {days} days.",
        stop="Stop these surveys",
        privacy="Privacy",
        reminder="Reminder: {subject}",
        stop_text="Reply STOP to end",
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
        why_member="Sie erhalten diese Nachricht, weil Sie bei {organization} arbeiten.",
        how_often="Wir senden höchstens {limit} in {days} Tagen.",
        stop="Keine Umfragen mehr",
        privacy="Datenschutz",
        reminder="Erinnerung: {subject}",
        stop_text="Ende mit STOP",
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
        why_member="Vous recevez ce message car vous travaillez chez {organization}.",
        how_often="Nous en envoyons au plus {limit} en {days} jours.",
        stop="Ne plus recevoir ces enquêtes",
        privacy="Confidentialité",
        reminder="Rappel : {subject}",
        stop_text="STOP pour ne plus recevoir",
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
        why_member="Recibe este mensaje porque trabaja en {organization}.",
        how_often="Enviamos como máximo {limit} en {days} días.",
        stop="No recibir más encuestas",
        privacy="Privacidad",
        reminder="Recordatorio: {subject}",
        stop_text="Responda STOP para no recibir más",
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
        why_member="Ricevi questo messaggio perché lavori per {organization}.",
        how_often="Ne inviamo al massimo {limit} in {days} giorni.",
        stop="Non ricevere più sondaggi",
        privacy="Privacy",
        reminder="Promemoria: {subject}",
        stop_text="Rispondi STOP per terminare",
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
        why_member="U krijgt dit bericht omdat u bij {organization} werkt.",
        how_often="Wij sturen er hooguit {limit} in {days} dagen.",
        stop="Geen enquêtes meer",
        privacy="Privacy",
        reminder="Herinnering: {subject}",
        stop_text="Antwoord STOP om te stoppen",
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
        why_member="Recebe esta mensagem porque trabalha em {organization}.",
        how_often="Enviamos no máximo {limit} em {days} dias.",
        stop="Não receber mais inquéritos",
        privacy="Privacidade",
        reminder="Lembrete: {subject}",
        stop_text="Responda STOP para parar",
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
        why_member="Ta wiadomość przyszła, ponieważ pracują Państwo w {organization}.",
        how_often="Wysyłamy najwyżej {limit} na {days} dni.",
        stop="Nie chcę więcej ankiet",
        privacy="Prywatność",
        reminder="Przypomnienie: {subject}",
        stop_text="Aby zrezygnować: STOP",
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
        why_member="Bu iletiyi {organization} çalışanı olduğunuz için aldınız.",
        how_often="{days} günde en çok {limit} anket göndeririz.",
        stop="Bu anketleri durdur",
        privacy="Gizlilik",
        reminder="Hatırlatma: {subject}",
        stop_text="Durdurmak için STOP yazın",
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
        why_member="تصلك هذه الرسالة لأنك تعمل لدى {organization}.",
        how_often="نرسل {limit} كحد أقصى خلال {days} يومًا.",
        stop="أوقفوا هذه الاستبيانات",
        privacy="الخصوصية",
        reminder="تذكير: {subject}",
        stop_text="للإيقاف أرسل STOP",
    ),
    "da": Words(
        hello="Hej",
        hello_name="Hej {name}",
        opening="Ét spørgsmål, cirka et minut.",
        subject_touchpoint="Ét spørgsmål om: {touchpoint}",
        subject="Ét spørgsmål fra {organization}",
        browser="Virker tallene ikke? Svar i browseren",
        answer="Svar i browseren",
        why="Du får denne besked, fordi du er kunde hos {organization}.",
        why_member="Du får denne besked, fordi du arbejder hos {organization}.",
        how_often="Vi sender højst {limit} på {days} dage.",
        stop="Ikke flere undersøgelser",
        privacy="Privatliv",
        reminder="Påmindelse: {subject}",
        stop_text="Svar STOP for at stoppe",
    ),
    "sv": Words(
        hello="Hej,",
        hello_name="Hej {name},",
        opening="En fråga, ungefär en minut.",
        subject_touchpoint="En fråga om: {touchpoint}",
        subject="En fråga från {organization}",
        browser="Fungerar inte siffrorna? Svara i webbläsaren",
        answer="Svara i webbläsaren",
        why="Du får det här meddelandet eftersom du är kund hos {organization}.",
        why_member="Du får det här meddelandet eftersom du arbetar på {organization}.",
        how_often="Vi skickar högst {limit} på {days} dagar.",
        stop="Inga fler enkäter",
        privacy="Integritet",
        reminder="Påminnelse: {subject}",
        stop_text="Svara STOP för att avsluta",
    ),
    "uk": Words(
        hello="Добрий день!",
        hello_name="Добрий день, {name}!",
        opening="Одне запитання, приблизно одна хвилина.",
        subject_touchpoint="Одне запитання: {touchpoint}",
        subject="Одне запитання від {organization}",
        browser="Числа не працюють? Відповісти в браузері",
        answer="Відповісти в браузері",
        why="Ви отримали цей лист, бо є клієнтом {organization}.",
        why_member="Ви отримали цей лист, бо працюєте в {organization}.",
        how_often="Ми надсилаємо не більше {limit} за {days} днів.",
        stop="Більше не надсилати опитувань",
        privacy="Конфіденційність",
        reminder="Нагадування: {subject}",
        stop_text="Щоб відмовитися: STOP",
    ),
    "ru": Words(
        hello="Здравствуйте!",
        hello_name="Здравствуйте, {name}!",
        opening="Один вопрос, примерно одна минута.",
        subject_touchpoint="Один вопрос: {touchpoint}",
        subject="Один вопрос от {organization}",
        browser="Числа не работают? Ответить в браузере",
        answer="Ответить в браузере",
        why="Вы получили это письмо, потому что вы клиент {organization}.",
        why_member="Вы получили это письмо, потому что работаете в {organization}.",
        how_often="Мы отправляем не более {limit} за {days} дней.",
        stop="Больше не присылать опросы",
        privacy="Конфиденциальность",
        reminder="Напоминание: {subject}",
        stop_text="Чтобы отказаться: STOP",
    ),
    "zh": Words(
        hello="您好！",
        hello_name="{name}，您好！",
        opening="只有一个问题，大约一分钟。",
        subject_touchpoint="一个问题：{touchpoint}",
        subject="{organization} 的一个问题",
        browser="数字点不开？请在浏览器中回答",
        answer="在浏览器中回答",
        why="您收到此邮件，是因为您是 {organization} 的客户。",
        why_member="您收到此邮件，是因为您在 {organization} 工作。",
        how_often="我们在 {days} 天内最多发送 {limit} 次。",
        stop="不再接收这类调查",
        privacy="隐私",
        reminder="提醒：{subject}",
        stop_text="回复 STOP 退订",
    ),
    "ja": Words(
        hello="こんにちは。",
        hello_name="{name} 様",
        opening="質問は一つ、所要時間は約一分です。",
        subject_touchpoint="一つだけお聞かせください：{touchpoint}",
        subject="{organization} より一つ質問です",
        browser="数字が押せないときはブラウザーで回答",
        answer="ブラウザーで回答する",
        why="{organization} をご利用いただいている方にお送りしています。",
        why_member="{organization} で働いている方にお送りしています。",
        how_often="お送りするのは {days} 日間に {limit} 回までです。",
        stop="アンケートの配信を停止",
        privacy="プライバシー",
        reminder="再度のご案内：{subject}",
        stop_text="停止は STOP と返信",
    ),
    "hi": Words(
        hello="नमस्ते,",
        hello_name="नमस्ते {name},",
        opening="एक सवाल, लगभग एक मिनट।",
        subject_touchpoint="एक सवाल: {touchpoint}",
        subject="{organization} की ओर से एक सवाल",
        browser="अंक काम नहीं कर रहे? ब्राउज़र में जवाब दें",
        answer="ब्राउज़र में जवाब दें",
        why="आपको यह संदेश इसलिए मिला है क्योंकि आप {organization} के ग्राहक हैं।",
        why_member="आपको यह संदेश इसलिए मिला है क्योंकि आप {organization} में काम करते हैं।",
        how_often="हम {days} दिनों में अधिकतम {limit} भेजते हैं।",
        stop="ये सर्वेक्षण बंद करें",
        privacy="गोपनीयता",
        reminder="याद दिलाने के लिए: {subject}",
        stop_text="बंद करने के लिए STOP भेजें",
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
