"""What the demo company knows about its maps: a second version, insights, opportunities, promises, talk."""

from __future__ import annotations

from typing import Any, Final

MOMENTS_OF_TRUTH: Final = ("Waits and is welcomed", "Reads the first invoice", "Calls for help")
MEASURED_STEPS: Final = ("Compares offers", "Reads the first invoice", "Calls for help")

SECOND_PURPOSE: Final = "The first invoice now comes with a picture of how it is made up"
SECOND_VERSION_DAYS: Final = 75
"""How many days ago the second version of the map came into force."""
REWORDED: Final = {"Contract number asked for three times": "Contract number asked for twice"}
NEW_CARDS: Final[dict[str, list[dict[str, str]]]] = {
    "Reads the first invoice": [
        {"lane": "actions", "text": "Looks at the picture first", "evidence": "some"},
        {"lane": "backstage", "text": "Billing run on the third working day", "evidence": "measured"},
    ],
    "Calls for help": [{"lane": "backstage", "text": "Two screens for one contract", "evidence": "some"}],
}
TO_BE_CARDS: Final[dict[str, list[dict[str, str]]]] = {
    "Reads the first invoice": [{"lane": "actions", "text": "Sees in the app why it is more than the estimate"}],
    "Calls for help": [{"lane": "thoughts", "text": "She already knew what I was calling about."}],
}
TO_BE_BELIEFS: Final = {"Reads the first invoice": 1.5, "Calls for help": 1.0}

PROMISES: Final[dict[str, dict[str, Any]]] = {
    "support-hotline": {
        "text": "Solved within two hours",
        "start": None,
        "kept": {"event": "Question Solved", "where": {}},
        "within_seconds": 2 * 3600,
    },
    "checkout-form": {
        "text": "A welcome within four days",
        "start": {"event": "Order Completed", "where": {}},
        "kept": {"event": "Welcome E-mail Opened", "where": {}},
        "within_seconds": 4 * 86400,
    },
}
BACKSTAGE: Final = [  # kind, name, description, touchpoints it stands behind
    ("process", "Billing run", "Every third working day of a month.", ["first-invoice"]),
    ("system", "Contract database", "Knows the tariff, not what was promised on the phone.",
     ["contract-call", "support-hotline", "checkout-form"]),
    ("team", "Customer service north", "Eleven people in two shifts.", ["support-hotline", "contract-call"]),
    ("process", "Meter change", "Planned by the network operator, confirmed by us.", ["meter-visit"]),
]  # fmt: skip

INSIGHTS: Final[list[dict[str, Any]]] = [
    {
        "kind": "interview", "title": "Eight of nine keep the invoice open beside the old one",
        "body": "They look for one line that says why the sum is another. Nobody found it without help.",
        "source": "Interviews with new customers, Hamburg and Lübeck", "days": 60, "people": 9, "score": -1.5,
        "steps": ["Reads the first invoice"], "touchpoints": ["first-invoice"],
    },
    {
        "kind": "quote", "title": "“I thought somebody had read the wrong meter.”",
        "body": "Said in the third minute, before the picture was shown.",
        "source": "Interview 4 of 9", "days": 61, "people": 1, "score": -2, "consent": "given",
        "steps": ["Reads the first invoice"],
    },
    {
        "kind": "usability_test", "title": "The picture answers the first question, not the second",
        "body": "With the new page five of six say why the sum is higher; two say what happens next month.",
        "source": "Usability test of the new invoice", "days": 48, "people": 6, "score": 0.5,
        "steps": ["Reads the first invoice"], "touchpoints": ["first-invoice"],
    },
    {
        "kind": "observation", "title": "Agents ask for the contract number again after every transfer",
        "body": "Eleven of twenty calls were transferred at least once.",
        "source": "A day beside the hotline", "days": 30, "people": 20, "score": -1,
        "steps": ["Calls for help"], "touchpoints": ["support-hotline"],
    },
    {
        "kind": "support", "title": "“Is this the price?” is the most common chat before an order",
        "body": "",
        "source": "Chat topics of a quarter", "days": 100, "people": 140, "score": -0.5,
        "steps": ["Compares offers"], "touchpoints": ["website-quote"],
    },
    {
        "kind": "observation", "title": "Fitters who call ahead are offered coffee",
        "body": "Four visits with a call, three without. The difference can be heard at the door.",
        "source": "Ride-along with the meter team", "days": 150, "people": 7, "score": 1.5,
        "steps": ["Has the meter changed"], "touchpoints": ["meter-visit"],
    },
    {
        "kind": "research", "title": "The sign-up code by letter stops every third at the app",
        "body": "They had the app open before they had the code.",
        "source": "Diary study of two weeks", "days": 420, "people": 18, "score": -1,
        "steps": ["Waits and is welcomed"], "touchpoints": ["app-onboarding"],
    },
    {
        "kind": "workshop", "title": "Nobody in the room had called our own hotline this year",
        "body": "Fourteen colleagues from five departments.",
        "source": "Mapping workshop in spring", "days": 190, "people": 14, "score": None,
        "steps": ["Calls for help"],
    },
]  # fmt: skip

OPPORTUNITIES: Final[list[dict[str, Any]]] = [
    {
        "title": "How might we say why the first invoice differs from the estimate before it arrives?",
        "step": "Reads the first invoice", "card": "Invoice twice the estimate", "touchpoint": "first-invoice",
        "customer_value": 5, "business_value": 4, "effort": 2, "status": "in_progress", "horizon": "now",
        "insights": [0, 1, 2],
    },
    {
        "title": "How might we name fees so that nobody has to look them up?",
        "step": "Reads the first invoice", "card": "Fee names nobody understands", "touchpoint": "first-invoice",
        "customer_value": 4, "business_value": 2, "effort": 1, "status": "planned", "horizon": "now",
        "insights": [0],
    },
    {
        "title": "How might we let an agent see what a customer has just done?",
        "step": "Calls for help", "card": "No case history for agents", "touchpoint": "support-hotline",
        "customer_value": 5, "business_value": 4, "effort": 5, "status": "exploring", "horizon": "next",
        "insights": [3],
    },
    {
        "title": "How might we show one price, with every fee in it?",
        "step": "Compares offers", "card": "Network fee hidden behind a link", "touchpoint": "website-quote",
        "customer_value": 3, "business_value": 3, "effort": 2, "status": "new", "horizon": "next",
        "insights": [4],
    },
    {
        "title": "How might we open the app without a letter?",
        "step": "Waits and is welcomed", "card": "The sign-up code comes by letter", "touchpoint": "app-onboarding",
        "customer_value": 3, "business_value": 4, "effort": 3, "status": "new", "horizon": "later",
        "insights": [6],
    },
    {
        "title": "How might we become known outside the north?",
        "step": "Feels the old contract pinch", "card": "Brand unknown outside the north",
        "touchpoint": "comparison-portal", "status": "new", "horizon": "later", "insights": [],
    },
]  # fmt: skip

BACKING: Final = [  # part of the persona, its line, and what it rests on: one of INSIGHTS, or a source in words
    ("frustrations", "Letters that explain nothing", 0, "measured"),
    ("needs", "One price, all fees in it", 4, "some"),
    ("behaviours", "Compares on her phone after eight in the evening",
     "Web statistics, September: 41 % after 20:00", "measured"),
]  # fmt: skip
REVISED: Final = "What she said about the first invoice is in"

COMMENTS: Final = [  # on what, who says it (the part of the address before the @), what
    (
        "persona",
        "jonas.brandt",
        "Is “compares after eight” still true? The portal says lunch. @Aylin Demir, can you look?",
    ),
    ("persona", "aylin.demir", "It is both: 41 % after eight, 22 % between twelve and one."),
    (
        "map",
        "mira.lind",
        "The curve of the first invoice is ours from before the picture. Let us draw it anew in January.",
    ),
]
