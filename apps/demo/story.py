"""The invented company of the demo: an energy supplier, its customers, what they live through and what they say.

Everything here is made up. Names, places and texts are our own; addresses end in ``.example``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

COMPANY = "Nordwind Energy"
SLUG = "nordwind"
LANGUAGES = ["en", "de", "es", "fr", "ar"]
ZONE = "Europe/Berlin"

PEOPLE = [
    ("Mira Lind", "mira.lind", "owner"),
    ("Jonas Brandt", "jonas.brandt", "manager"),
    ("Aylin Demir", "aylin.demir", "analyst"),
    ("Tom Fischer", "tom.fischer", "employee"),
    ("Sara Weiss", "sara.weiss", "agent"),
]

UNITS = [  # name, code, code of the parent
    ("North", "north", None),
    ("East", "east", None),
    ("South", "south", None),
    ("Hamburg branch", "hamburg", "north"),
    ("Berlin branch", "berlin", "east"),
    ("Munich branch", "munich", "south"),
]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is measured at a touchpoint and how it goes: answers a day, and the mean of the latent mood, 0..1."""

    metric: str
    per_day: float
    mood: float


@dataclass(frozen=True, slots=True)
class Place:
    """A touchpoint of the demo."""

    key: str
    name: str
    channel: str
    asked: tuple[Asked, ...] = ()
    target: dict[str, float] = field(default_factory=dict)
    owner: str = ""


PLACES = [
    Place("comparison-portal", "Comparison portal", "web"),
    Place("website-quote", "Website quote", "web", (Asked("nps", 1.6, 0.87), Asked("ces", 0.6, 0.77)), {"nps": 30}),
    Place("checkout-form", "Checkout form", "web", (Asked("ces", 1.2, 0.66),), {"ces": 70}),
    Place("contract-call", "Contract call", "phone", (Asked("nps", 0.7, 0.81), Asked("csat", 0.5, 0.80)), {"nps": 25}),
    Place("welcome-email", "Welcome e-mail", "email", (Asked("nps", 1.0, 0.90),), {"nps": 40}),
    Place("app-onboarding", "App onboarding", "app", (Asked("nps", 1.1, 0.76), Asked("ces", 0.9, 0.64)), {"nps": 30}),
    Place(
        "meter-visit",
        "Meter visit",
        "in_person",
        (Asked("nps", 0.6, 0.93), Asked("csat", 0.5, 0.92)),
        {"nps": 50},
        owner="munich",
    ),
    Place(
        "first-invoice",
        "First invoice",
        "mail",
        (Asked("nps", 1.2, 0.60), Asked("csat", 0.8, 0.60), Asked("ces", 0.5, 0.55)),
        {"nps": 10, "csat": 70},
    ),
    Place(
        "support-hotline",
        "Support hotline",
        "phone",
        (Asked("nps", 0.8, 0.75), Asked("csat", 0.9, 0.68)),
        {"nps": 20},
        owner="berlin",
    ),
    Place("city-shop", "City shop", "in_person", (Asked("nps", 0.19, 0.82),), {"nps": 20}, owner="hamburg"),
]
EVENTS = {  # the event of other systems that means somebody was at this touchpoint
    "comparison-portal": {"event": "Comparison Viewed", "where": {}},
    "website-quote": {"event": "Quote Requested", "where": {}},
    "checkout-form": {"event": "Order Completed", "where": {}},
    "contract-call": {"event": "Contract Call", "where": {}},
    "welcome-email": {"event": "Welcome E-mail Opened", "where": {}},
    "app-onboarding": {"event": "App Registered", "where": {}},
    "meter-visit": {"event": "Meter Read", "where": {}},
    "first-invoice": {"event": "Invoice Issued", "where": {"number": 1}},
    "support-hotline": {"event": "Support Called", "where": {}},
}
RELATIONSHIP_PER_DAY = 7.0
RELATIONSHIP_MOOD = 0.85

# Days before today at which something happened, and how much it moved the mood of what it touched.
PRICE_LETTER_DAY = 170
PRICE_LETTER_EFFECT = -0.16
PRICE_LETTER_LASTS = 60
CLEAR_INVOICE_DAY = 56
CLEAR_INVOICE_EFFECT = 0.13
NEW_ONBOARDING_DAY = 110
NEW_ONBOARDING_EFFECT = 0.11

FIRST_NAMES = [
    "Lena", "Paul", "Emma", "Noah", "Mia", "Ben", "Hanna", "Elias", "Sofia", "Leon", "Amira", "Omar", "Lucía",
    "Mateo", "Chloé", "Louis", "Freya", "Finn", "Ida", "Oskar", "Nora", "Emil", "Layla", "Yusuf", "Carmen",
    "Diego", "Inès", "Hugo", "Greta", "Karl", "Marta", "Jan", "Eva", "Max", "Zoe", "Tim", "Clara", "Felix",
    "Ruth", "Anton",
]  # fmt: skip
LAST_NAMES = [
    "Keller", "Hartmann", "Schulz", "Vogel", "Lorenz", "Frank", "Berger", "Roth", "Simon", "Winter", "García",
    "López", "Moreno", "Dubois", "Moreau", "Laurent", "Haddad", "Nasser", "Farouk", "Nielsen", "Larsen", "Berg",
    "Holm", "Novak", "Kowalski", "Jensen", "Peters", "Albrecht", "Engel", "Busch",
]  # fmt: skip

# What people say, by touchpoint ("" is the company as a whole): (language, mood low|mid|high, text).
VERBATIMS: dict[str, list[tuple[str, str, str]]] = {
    "": [
        ("en", "high", "Fair price, green power, and nobody has ever tried to sell me anything on the phone."),
        ("en", "high", "Switching took four minutes. I kept waiting for the catch."),
        ("en", "mid", "All fine so far, but I could not say what makes you different from the others."),
        ("en", "mid", "Good supplier. The app could show my usage by hour."),
        ("en", "low", "The price letter read like it was written to confuse me."),
        ("en", "low", "A second increase within a year, and not one sentence about why."),
        ("de", "high", "Endlich ein Anbieter, bei dem ich meine Rechnung verstehe."),
        ("de", "mid", "Solide, aber der Bonus kam erst nach Nachfrage."),
        ("de", "low", "Preiserhöhung per Brief, Hotline dauernd besetzt. So verliert man Kunden."),
        ("es", "high", "Cambiarse fue muy fácil y el trato es cercano."),
        ("es", "low", "Subieron el precio sin explicar el motivo."),
        ("fr", "high", "Contrat clair et service rapide, je recommande."),
        ("fr", "mid", "Correct, sans plus. L’application est lente."),
        ("ar", "high", "خدمة سريعة وأسعار واضحة، شكرا لكم."),
        ("ar", "low", "ارتفع السعر فجأة ولم يشرح لي أحد السبب."),
    ],
    "website-quote": [
        ("en", "high", "Quote in two clicks and the same price in the contract."),
        ("en", "mid", "Good calculator, but the network fee hides behind a link."),
        ("en", "low", "Three pages of questions before I saw a single number."),
        ("de", "high", "Tarifrechner ist schnell und ehrlich."),
        ("de", "low", "Der Preis im Rechner war nicht der Preis im Vertrag."),
        ("fr", "mid", "Le devis est clair, mais pas sur mobile."),
    ],
    "checkout-form": [
        ("en", "high", "Filled in what it already knew. Lovely."),
        ("en", "low", "I had to enter my contract number three times."),
        ("de", "mid", "Geht, aber warum braucht ihr meine alte Kundennummer noch einmal?"),
    ],
    "contract-call": [
        ("en", "high", "The colleague checked my notice period while we spoke."),
        ("en", "low", "Friendly, but she could not see what I had entered online."),
        ("de", "mid", "Gute Beratung, lange Warteschleife."),
    ],
    "welcome-email": [
        ("en", "high", "Short, and it told me exactly what happens next and when."),
        ("de", "high", "Klare Schritte, kein Werbesprech."),
        ("es", "mid", "Bien, pero faltaba la fecha del cambio de contador."),
    ],
    "app-onboarding": [
        ("en", "high", "Scanned the old bill and the app did the rest."),
        ("en", "mid", "App is fine once you are in. Getting in took two codes and a letter."),
        ("en", "low", "The code never arrived. I gave up after the third try."),
        ("de", "low", "Registrierung bricht beim Zählerstand ab."),
        ("fr", "high", "Enfin une application qui explique la consommation."),
    ],
    "meter-visit": [
        ("en", "high", "Technician came on time, explained the meter and left the cellar cleaner than before."),
        ("de", "high", "Pünktlich, freundlich, in zehn Minuten fertig."),
        ("es", "mid", "Bien, pero la ventana de cuatro horas es demasiado larga."),
    ],
    "first-invoice": [
        (
            "en",
            "low",
            "Invoice was twice what the calculator promised. Nobody on the hotline could explain the network fee.",
        ),
        ("en", "low", "Estimate, advance payment, balance: I have no idea what I owe."),
        ("en", "mid", "The new page with the picture helped, the first one was a riddle."),
        ("en", "high", "The invoice with the explanation beside each line is the best I have had from any supplier."),
        ("de", "low", "Abschlag doppelt so hoch wie zugesagt, ohne Erklärung."),
        ("de", "high", "Die neue Rechnung ist endlich lesbar."),
        ("es", "low", "No entiendo los cargos de red."),
        ("ar", "low", "الفاتورة الأولى غير مفهومة إطلاقا."),
    ],
    "support-hotline": [
        ("en", "low", "Third person, same question. Do you not write anything down?"),
        ("en", "mid", "Helpful in the end, after twenty minutes of music."),
        ("en", "high", "Solved on the first call, and they rang back to check."),
        ("de", "low", "Fünfmal verbunden, am Ende aufgelegt."),
        ("de", "high", "Herr Wolff hat sich wirklich gekümmert."),
    ],
    "city-shop": [
        ("en", "high", "Nice to talk to a person about a bill for once."),
        ("de", "mid", "Freundlich, aber nur bis 16 Uhr geöffnet."),
    ],
}

# What some of them add, so that no two say quite the same: by language and mood.
ADDED: dict[str, dict[str, list[str]]] = {
    "en": {
        "high": [
            "My sister switched last month because of it.",
            "I read my meter in the app and that was all I had to do.",
            "Three suppliers before you, none of them answered a letter within a week.",
            "The heating runs, the price holds, the letters are short.",
            "Even my father manages it, and he is eighty.",
            "Please keep the person on the phone who called back on Friday.",
        ],
        "mid": [
            "It took two evenings with the old bill beside me.",
            "The prices for the night tariff are hard to find.",
            "I would like to see last year next to this year.",
            "We moved in March and the address is still wrong in one place.",
            "The chat answers, though not always my question.",
            "Perhaps I simply do not think about electricity that often.",
        ],
        "low": [
            "I have written down every date, and it is a long list by now.",
            "My neighbour pays less for the same flat.",
            "If the notice period were shorter I would be gone.",
            "Two letters on one day that contradict each other.",
            "At work I would not get away with that.",
            "I asked for a written answer in May and am still waiting.",
        ],
    },
    "de": {
        "high": [
            "Meine Nachbarin ist deshalb auch gewechselt.",
            "Zählerstand per App geschickt, fertig.",
            "Die Abschläge stimmen seit einem Jahr auf den Euro.",
            "Der Rückruf kam am selben Nachmittag.",
            "So wünsche ich mir das auch von meiner Bank.",
            "Mit Wärmepumpe und Wallbox lief es trotzdem ohne Rückfragen.",
        ],
        "mid": [
            "Die App könnte mir den Verbrauch je Zimmer schätzen.",
            "Beim Umzug im Frühjahr hakte es kurz mit der Adresse.",
            "Den Nachttarif findet man nur über die Suche.",
            "Ein Vergleich mit dem Vorjahr würde mir helfen.",
            "Vielleicht frage ich beim nächsten Mal im Laden.",
            "Zwei Ansprechpartner, zwei Auskünfte, am Ende passte es.",
        ],
        "low": [
            "Ich habe inzwischen einen ganzen Ordner Schriftwechsel.",
            "Im Mai um Antwort gebeten, bis heute nichts gehört.",
            "Mein Bruder zahlt für dieselbe Wohnung weniger.",
            "Zwei Briefe an einem Tag, die sich widersprechen.",
            "Nach dreißig Jahren als Kunde hätte ich mehr erwartet.",
            "Der Verbraucherzentrale habe ich es schon geschildert.",
        ],
    },
    "es": {
        "high": ["Mi hermano también se ha cambiado.", "La factura cabe en una página.", "Me llamaron el mismo día."],
        "mid": ["La tarifa nocturna cuesta encontrarla.", "Me gustaría comparar con el año pasado."],
        "low": ["Sigo esperando una respuesta por escrito.", "Dos cartas el mismo día que se contradicen."],
    },
    "fr": {
        "high": ["Ma voisine a changé aussi.", "On m’a rappelé le jour même.", "La facture tient sur une page."],
        "mid": ["Le tarif de nuit est difficile à trouver.", "J’aimerais comparer avec l’année dernière."],
        "low": ["J’attends toujours une réponse écrite.", "Deux lettres le même jour qui se contredisent."],
    },
    "ar": {
        "high": ["انتقلت أختي إليكم أيضا.", "اتصلوا بي في اليوم نفسه.", "الفاتورة في صفحة واحدة."],
        "mid": ["من الصعب العثور على تعرفة الليل.", "أود المقارنة بالعام الماضي."],
        "low": ["ما زلت أنتظر ردا مكتوبا.", "رسالتان في يوم واحد تناقض إحداهما الأخرى."],
    },
}

PERSONAS = [
    {
        "name": "Lena K.",
        "tagline": "Young family, first own home",
        "evidence_level": "research",
        "quote": "I want to know what it costs before it costs me an evening.",
        "demographics": [
            "32, lives outside Hamburg with partner and a child of two",
            "Works three days a week in a school",
        ],
        "behaviours": ["Compares on her phone after eight in the evening", "Reads reviews before she reads the offer"],
        "lifestyle": ["Evenings are short", "Keeps household papers in one shared folder"],
        "motivations": ["A bill without surprises", "Green power that deserves the name"],
        "challenges": ["Moving house and changing supplier in the same month"],
        "needs": ["One price, all fees in it", "To be told what happens next, and when"],
        "goals": ["Done with it by the weekend"],
        "frustrations": ["Entering the same number twice", "Letters that explain nothing"],
        "channels": ["App", "E-mail", "Chat in the evening"],
    },
    {
        "name": "Herr Petersen",
        "tagline": "Owner of a bakery with two shops",
        "evidence_level": "proto",
        "quote": "If the oven is cold at three, I do not need a ticket number.",
        "demographics": ["54, runs the business with his sister", "Eleven employees"],
        "behaviours": ["Calls; never chats", "Decides in November, for the next two years"],
        "motivations": ["Cost he can plan with"],
        "challenges": ["Prices that change faster than his"],
        "needs": ["A named person", "A forecast by month"],
        "goals": ["Energy below eight per cent of turnover"],
        "frustrations": ["Hotlines that start from zero each time"],
        "channels": ["Phone", "Visit"],
    },
    {
        "name": "The bonus hunter",
        "tagline": "Changes supplier every autumn",
        "kind": "anti",
        "evidence_level": "proto",
        "quote": "Is the bonus paid in cash?",
        "behaviours": ["Leaves the week after the bonus", "Never opens the app"],
        "goals": ["The largest bonus of the year"],
        "reason": "A tariff made for these would be paid for by those who stay.",
        "channels": ["Comparison portal"],
    },
]


def _cards(**lanes: list[str]) -> list[dict[str, str]]:
    return [{"lane": lane, "text": text} for lane, texts in lanes.items() for text in texts]


SWITCHING = {
    "name": "Switching to Nordwind",
    "persona": "Lena K.",
    "stages": [
        {
            "name": "Become aware",
            "duration": "2–4 weeks",
            "steps": [
                {
                    "name": "Feels the old contract pinch",
                    "belief": -1.0,
                    "touchpoints": ["comparison-portal"],
                    "cards": _cards(
                        actions=["Gets a price-rise letter from the old supplier", "Asks neighbours"],
                        thoughts=["Another increase? I should switch."],
                        pain_points=["Brand unknown outside the north"],
                        opportunities=["Neighbour referral bonus"],
                    ),
                }
            ],
        },
        {
            "name": "Compare & decide",
            "duration": "1–7 days",
            "steps": [
                {
                    "name": "Compares offers",
                    "belief": 0.4,
                    "touchpoints": ["website-quote"],
                    "cards": _cards(
                        actions=["Compares tariffs on portals", "Uses our calculator"],
                        thoughts=["Is this the real price?"],
                        pain_points=["Network fee hidden behind a link"],
                        opportunities=["All-in price in the calculator"],
                    ),
                }
            ],
        },
        {
            "name": "Sign up",
            "duration": "10 min",
            "steps": [
                {
                    "name": "Enters the contract",
                    "belief": -0.4,
                    "touchpoints": ["checkout-form", "contract-call"],
                    "cards": _cards(
                        actions=["Enters contract data", "Calls to check the notice period"],
                        thoughts=["Why do you need my old customer number again?"],
                        pain_points=["Contract number asked for three times"],
                        opportunities=["Prefill from a photo of the old invoice"],
                    ),
                }
            ],
        },
        {
            "name": "Get connected",
            "duration": "2–3 weeks",
            "steps": [
                {
                    "name": "Waits and is welcomed",
                    "belief": 1.2,
                    "touchpoints": ["welcome-email", "app-onboarding"],
                    "cards": _cards(
                        actions=["Reads the welcome e-mail", "Installs the app"],
                        thoughts=["What happens now?"],
                        pain_points=["The sign-up code comes by letter"],
                    ),
                },
                {
                    "name": "Has the meter changed",
                    "belief": 1.5,
                    "touchpoints": ["meter-visit"],
                    "cards": _cards(
                        actions=["Waits for the meter visit"],
                        thoughts=["They even called ahead. Nice."],
                        opportunities=["Ask for a review after the visit"],
                    ),
                },
            ],
        },
        {
            "name": "First invoice",
            "duration": "month 2",
            "steps": [
                {
                    "name": "Reads the first invoice",
                    "belief": 0.8,
                    "touchpoints": ["first-invoice"],
                    "cards": _cards(
                        actions=["Opens the invoice", "Compares it with the promise"],
                        thoughts=["This is not what I signed up for."],
                        pain_points=["Invoice twice the estimate", "Fee names nobody understands"],
                        opportunities=["Explain-my-invoice video", "Alert when actual and estimate part"],
                    ),
                }
            ],
        },
        {
            "name": "Get help",
            "duration": "any time",
            "steps": [
                {
                    "name": "Calls for help",
                    "belief": -0.9,
                    "touchpoints": ["support-hotline", "city-shop"],
                    "cards": _cards(
                        actions=["Calls the hotline", "Searches the help page"],
                        thoughts=["Third person, same question."],
                        pain_points=["No case history for agents"],
                        opportunities=["Shared case timeline"],
                    ),
                }
            ],
        },
    ],
}

BUSINESS = {
    "name": "A business renews its contract",
    "persona": "Herr Petersen",
    "stages": [
        {
            "name": "Contract ends",
            "duration": "3 months before",
            "steps": [
                {
                    "name": "Is reminded",
                    "belief": -0.5,
                    "touchpoints": ["contract-call"],
                    "cards": _cards(actions=["Gets a letter with a new price"], thoughts=["Whom do I call now?"]),
                }
            ],
        },
        {
            "name": "New offer",
            "duration": "2 weeks",
            "steps": [
                {
                    "name": "Weighs the offer",
                    "belief": 0.5,
                    "touchpoints": ["website-quote", "support-hotline"],
                    "cards": _cards(
                        actions=["Asks for a forecast by month"],
                        pain_points=["No named person"],
                        opportunities=["One adviser for each business customer"],
                    ),
                }
            ],
        },
        {
            "name": "Renewed",
            "duration": "year after",
            "steps": [
                {"name": "Gets the first new bill", "belief": 0.2, "touchpoints": ["first-invoice"], "cards": []}
            ],
        },
    ],
}

MAPS: list[dict[str, Any]] = [SWITCHING, BUSINESS]

COMPANIES = [
    "Bäckerei Petersen", "Hafenkontor Logistik", "Müller & Söhne Metallbau", "Café Nordlicht", "Elbe Zahnärzte",
    "Hotel Alsterblick", "Druckhaus Behrens", "Gärtnerei Sommer", "Kita Sonnenschein", "Brauerei Tidenhub",
]  # fmt: skip

SEGMENTS: list[tuple[str, str, dict[str, Any]]] = [  # name, description, rule
    ("Private households", "", {"attribute": "segment", "op": "=", "value": "Private"}),
    ("Business customers", "", {"attribute": "segment", "op": "=", "value": "Business"}),
    (
        "Pays late",
        "At least two invoices paid after their date in half a year.",
        {
            "event": "Invoice Paid",
            "where": [{"property": "days_late", "op": ">", "value": 0}],
            "count": {"op": ">=", "value": 2},
            "within": {"days": 180},
        },
    ),
    (
        "Called after an invoice",
        "Somebody who calls within two weeks of an invoice did not understand it.",
        {
            "sequence": [{"event": "Invoice Issued"}, {"event": "Support Called"}],
            "within_days": 14,
            "within": {"days": 365},
        },
    ),
    (
        "Unhappy with the first invoice",
        "",
        {
            "answer": {"metric": "nps", "touchpoint": "first-invoice"},
            "which": "latest",
            "op": "<",
            "value": 7,
            "within": {"days": 365},
        },
    ),
    (
        "At risk after the invoice",
        "Paid late, or called, and said that the invoice was bad.",
        {
            "all": [
                {"any": [{"segment": "Pays late"}, {"segment": "Called after an invoice"}]},
                {"segment": "Unhappy with the first invoice"},
            ]
        },
    ),
]
CAMPAIGN = {
    "name": "Help with the app",
    "kind": "calls",
    "channel": "phone",
    "description": "We call people who have not signed in to the app and do it with them.",
    "success_event": "App Registered",
    "window_days": 30,
}
PERSONA_SEGMENTS = {"Lena K.": "Private households", "Herr Petersen": "Business customers"}

IDEAS = [  # title, body, touchpoint, author, votes
    (
        "Explain the invoice in a one-minute video",
        "A link on the invoice that shows the customer's own numbers, line by line.",
        "first-invoice",
        "tom.fischer",
        4,
    ),
    ("Write the case down once", "Every agent sees what the last one promised.", "support-hotline", "sara.weiss", 3),
    (
        "Photo of the old invoice instead of typing",
        "We read the contract number from it.",
        "checkout-form",
        "tom.fischer",
        2,
    ),
    (
        "Open the shop on Thursday evenings",
        "Half the people at the door at five work until five.",
        "city-shop",
        "sara.weiss",
        1,
    ),
    ("Text message an hour before the technician comes", "", "meter-visit", "jonas.brandt", 2),
]


AGENTS = {"Wolff": 5.9, "Sommer": 5.4, "Kaya": 5.5, "Brink": 4.6}
"""Who answers the hotline, and how easy customers find it with them (the mean on 1..7)."""


def agent_of(external_id: str, number: int) -> str:
    """Who took a customer's call: always the same for the same call."""
    names = sorted(AGENTS)
    return names[(sum(external_id.encode()) * 7 + number) % len(names)]


PLACES_TO_ANSWER: list[tuple[str, str, str, dict[str, Any]]] = [  # kind, name, unit, settings
    ("kiosk", "Hamburg shop, at the door (PIN 2580)", "hamburg", {"pin": "2580", "ask_text": False}),
    ("poster", "Berlin shop, counter", "berlin", {"headline": "Wie war Ihr Besuch?"}),
    ("widget", "Page of the shops on the web", "hamburg", {"sites": ["https://shops.nordwind.example"]}),
]
SHOP_WORDS = [  # language, said by somebody dissatisfied, text
    ("de", True, "Zwanzig Minuten gewartet, um dann einen Zettel mit der Hotline zu bekommen."),
    ("de", True, "Samstags geschlossen, und unter der Woche arbeite ich bis fünf."),
    ("de", False, "Die Rechnung in fünf Minuten erklärt, mit Stift und Papier. Danke."),
    ("de", False, "Endlich jemand, der mir ins Gesicht schaut."),
    ("en", True, "Two people in front of me and still half an hour."),
    ("en", False, "They changed my tariff on the spot."),
]


def shop_survey(*, reworded: bool) -> dict[str, Any]:
    """What the shops ask, as documented JSON; in the second version the first question is about the visit."""

    def choice(key: str, en: str, de: str) -> dict[str, Any]:
        return {"id": key, "label": {"en": en, "de": de}}

    title = (
        {"en": "How satisfied were you with your visit today?", "de": "Wie zufrieden waren Sie heute mit Ihrem Besuch?"}
        if reworded
        else {"en": "How satisfied were you with City shop?", "de": "Wie zufrieden waren Sie mit City shop?"}
    )
    unhappy = {"all": [{"question": "score", "op": "<=", "value": 3}]}
    return {
        "version": 1,
        "languages": ["en", "de"],
        "pages": [
            {
                "id": "visit",
                "questions": [
                    {"id": "score", "type": "csat", "required": True, "title": title},
                    {
                        "id": "wrong",
                        "type": "multi_choice",
                        "show_if": unhappy,
                        "title": {"en": "What went wrong?", "de": "Was lief schief?"},
                        "choices": [
                            choice("wait", "I waited too long", "Ich habe zu lange gewartet"),
                            choice("answer", "I got no answer", "Ich bekam keine Antwort"),
                            choice("tone", "The tone", "Der Ton"),
                            choice("closed", "Opening hours", "Die Öffnungszeiten"),
                        ],
                    },
                ],
            },
            {
                "id": "more",
                "questions": [
                    {
                        "id": "why",
                        "type": "choice",
                        "title": {"en": "Why did you come?", "de": "Weshalb waren Sie da?"},
                        "choices": [
                            choice("bill", "A bill", "Eine Rechnung"),
                            choice("move", "Moving house", "Ein Umzug"),
                            choice("tariff", "Another tariff", "Ein anderer Tarif"),
                            choice("other", "Something else", "Etwas anderes"),
                        ],
                    },
                    {
                        "id": "parts",
                        "type": "matrix",
                        "title": {"en": "How did you find these?", "de": "Wie fanden Sie Folgendes?"},
                        "rows": [
                            choice("waiting", "Waiting time", "Wartezeit"),
                            choice("advice", "Advice", "Beratung"),
                            choice("hours", "Opening hours", "Öffnungszeiten"),
                        ],
                        "choices": [
                            choice("poor", "Poor", "Schlecht"),
                            choice("fair", "Fair", "Mittel"),
                            choice("good", "Good", "Gut"),
                        ],
                    },
                    {
                        "id": "minutes",
                        "type": "number",
                        "title": {
                            "en": "How many minutes did you wait?",
                            "de": "Wie viele Minuten haben Sie gewartet?",
                        },
                    },
                    {
                        "id": "words",
                        "type": "text",
                        "title": {"en": "Anything else?", "de": "Möchten Sie noch etwas sagen?"},
                    },
                ],
            },
        ],
        "thank_you": {"title": {"en": "Thank you.", "de": "Vielen Dank."}},
    }
