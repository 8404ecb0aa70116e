"""What the gallery at /ui/ shows: every component with sample values. Nothing of it is anybody's data."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cxm.actor import Actor
from cxm.charts import Bar, Note, TrendPoint, distribution, sparkline, trend
from cxm.web.navigation import Link, NavItem

NPS = {"value": 38.2, "low": 34.1, "high": 42.3, "n": 1284, "rule": "nps.v1", "unit": "points", "reliability": "usable"}
LOW = NPS | {"value": -24.1, "low": -34.8, "high": -13.2, "n": 187}
CSAT = NPS | {"value": 81.2, "low": 78.8, "high": 83.4, "n": 1102, "rule": "csat.top.v1", "unit": "percent"}
CES = NPS | {"value": 74.0, "low": 71.1, "high": 76.7, "n": 964, "rule": "ces2.top3.v1", "unit": "percent"}
WEAK = NPS | {"value": 12.0, "low": -18.0, "high": 38.0, "n": 17, "reliability": "weak"}
NONE = NPS | {"value": None, "low": None, "high": None, "n": 0}
HIDDEN = NONE | {"n": 3, "suppressed": True}


class SampleForm(forms.Form):
    """One field of every kind."""

    title = forms.CharField(label=_("Question text"), max_length=200, help_text=_("Avoid asking two things at once."))
    reply_to = forms.EmailField(label=_("Reply-to address"))
    kind = forms.ChoiceField(label=_("Kind"), choices=[("nps", "NPS"), ("csat", "CSAT"), ("ces", "CES")])
    closes_on = forms.DateField(
        label=_("Closes on"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    note = forms.CharField(label=_("Note"), required=False, widget=forms.Textarea(attrs={"rows": 3}))
    channels = forms.MultipleChoiceField(
        label=_("Channels"),
        required=False,
        choices=[("email", _("E-mail")), ("web", _("Web")), ("qr", _("QR code"))],
        widget=forms.CheckboxSelectMultiple,
    )
    language = forms.ChoiceField(
        label=_("Language"), choices=[("en", "English"), ("ar", "العربية")], widget=forms.RadioSelect, initial="en"
    )
    required_answer = forms.BooleanField(label=_("Required"), required=False)
    contact = forms.BooleanField(label=_("Ask for permission to contact"), required=False)


class SampleFilter(forms.Form):
    """A filter bar with search and one choice."""

    q = forms.CharField(label=_("Search surveys"), required=False)
    state = forms.ChoiceField(
        label=_("State"), required=False, choices=[("", _("Any")), ("live", _("Live")), ("draft", _("Draft"))]
    )


def gallery_context() -> dict[str, Any]:
    """Everything the template needs. Reads nothing from the database."""
    refused = SampleForm(data={"title": "", "reply_to": "service@nordwind", "kind": "nps", "language": "en"})
    refused.is_valid()
    points = [
        TrendPoint(f"{day} Oct", f"Week of {day} October", value, value - 16, value + 15, n)
        for day, value, n in ((5, 22, 100), (12, 10, 106), (19, 2, 108), (26, 29, 108))
    ] + [TrendPoint("2 Nov", "Week of 2 November", 44, 24, 62, 22)]
    bars = [
        Bar(str(score), count, "det" if score < 7 else "pas" if score < 9 else "pro")
        for score, count in enumerate((31, 14, 18, 22, 27, 58, 49, 138, 214, 301, 412))
    ]
    items = (
        ("measure", _("Dashboard"), "layout-dashboard", 0),
        ("measure", _("Feedback"), "messages", 38),
        ("understand", _("Journeys"), "route", 0),
        ("improve", _("Ideas"), "bulb", 5),
    )
    return {
        "sample_links": [
            Link(
                NavItem(group, label, icon, "gallery", None, count=lambda _actor, _organization, n=number: n),  # type: ignore[arg-type,misc]
                "#",
                Actor.system("gallery"),
                None,
                current=icon == "route",
            )
            for group, label, icon, number in items
        ],
        "form": SampleForm(),
        "sent": {"form": refused},
        "filter": SampleFilter({"q": "", "state": "live"}),
        "page": Paginator([{"name": f"Survey {number}", "answers": number * 17} for number in range(1, 9)], 5).page(1),
        "nps": NPS,
        "low": LOW,
        "csat": CSAT,
        "ces": CES,
        "weak": WEAK,
        "none": NONE,
        "hidden": HIDDEN,
        "better": {"plain": 9.0, "significant": True},
        "worse": {"plain": -18.0, "significant": True},
        "same": {"plain": 1.0, "significant": False},
        "spark": sparkline([22, 25, 19, 10, 2, 6, 17, 29, 32, 37, 42, 44]),
        "trend": trend(
            points, id="gallery-trend", title="NPS by week", target=35, notes=[Note(1, "Price letter sent")]
        ),
        "trend_table": {
            "columns": [_("Week"), _("NPS"), _("95 % interval"), _("Answers")],
            "rows": [[p.name, round(p.value or 0), f"{p.low} to {p.high}", p.n] for p in points],
        },
        "trend_legend": [
            ("cx-kline", _("NPS, weekly")),
            ("cx-kband", _("95 % interval")),
            ("cx-khollow", _("fewer than 30 answers")),
        ],
        "distribution": distribution(bars, id="gallery-distribution", title="Score distribution"),
        "caption": _("55.5 % promoters − 17.1 % detractors = +38"),
        "now": timezone.now(),
    }
