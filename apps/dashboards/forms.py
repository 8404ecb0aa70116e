"""The filter bars of the dashboard and the feedback list. What the filters mean is decided in `apps.metrics`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from apps.customers.models import Customer
from apps.dashboards.flags import WORDS
from apps.metrics.counting import SurveyFacts
from apps.organizations.unit_tree import UnitTree
from apps.touchpoints.models import Channel
from cxm.web.forms import PlainSelect

USUAL_DAYS = 90
ANY = [("", _("Any"))]


class ScoreFilterForm(forms.Form):
    """Period, touchpoint, channel, survey, unit, and the segment or persona that customers belong to now."""

    all_time: dict[str, str] = {"period": "all"}
    """What an address carries to say "all time", where the page's own default is a shorter period."""

    defaults: tuple[str, ...] = ("from", "to")
    """Fields that the page fills in itself, so that they are no filters to clear."""

    def __init__(
        self,
        data: QueryDict,
        *,
        surveys: Iterable[SurveyFacts],
        touchpoints: Iterable[tuple[str, str]],
        units: UnitTree,
        visible_units: frozenset | None = None,
        segments: Iterable[tuple[object, str]] = (),
        personas: Iterable[tuple[object, str]] = (),
    ) -> None:
        super().__init__(data)
        self.fields["from"] = forms.DateField(label=_("From"), required=False)
        self.fields["to"] = forms.DateField(label=_("To"), required=False)
        self.fields["touchpoint"] = _choice(_("Touchpoint"), touchpoints)
        self.fields["channel"] = _choice(_("Channel"), Channel.choices)
        self.fields["survey"] = _choice(_("Survey"), [(str(survey.id), survey.name) for survey in surveys])
        tree = [(str(unit.id), "\u2003" * level + unit.name) for unit, level in units.walk(visible_units)]
        if tree:
            self.fields["unit"] = _choice(_("Unit"), tree)
        if segments:
            self.fields["segment"] = _choice(_("Segment"), segments)
        if personas:
            self.fields["persona"] = _choice(_("Persona"), personas)


class FeedbackFilterForm(ScoreFilterForm):
    """The filters of scores, and those of single answers."""

    all_time: dict[str, str] = {}
    defaults: tuple[str, ...] = ()

    def __init__(
        self,
        data: QueryDict,
        *,
        languages: Iterable[str],
        customer: Customer | None = None,
        answers: Iterable[tuple[str, str]] = (),
        **choices: object,
    ) -> None:
        super().__init__(data, **choices)  # type: ignore[arg-type]
        self.fields["q"] = forms.CharField(label=_("Search in comments"), required=False, max_length=200)
        self.fields["metric"] = _choice(_("Metric"), [("nps", "NPS"), ("csat", "CSAT"), ("ces", "CES")])
        self.fields["band"] = _choice(
            _("Score"),
            [
                ("promoter", _("Promoter or satisfied")),
                ("passive", _("Passive or neutral")),
                ("detractor", _("Detractor or dissatisfied")),
            ],
        )
        self.fields["score"] = forms.CharField(label=_("Exact scores, such as 0,1"), required=False, max_length=40)
        self.fields["kind"] = _choice(
            _("Kind of survey"), [("relationship", _("Relationship")), ("touchpoint", _("Touchpoint"))]
        )
        self.fields["language"] = _choice(_("Language"), [(language, language) for language in languages])
        self.fields["comment"] = _choice(_("Comment"), [("1", _("with a comment"))])
        _add_answer_fields(self, data)
        for name, value in answers:
            self.fields[f"answer:{name}"] = _choice(name, [(value, value)])
        if answered := data.get("answered"):
            self.fields["answered"] = _choice(_("Answered"), [(answered, answered)])
        if customer:
            self.fields["customer"] = _choice(_("Customer"), [(str(customer.pk), str(customer))])


class ResultsFilterForm(ScoreFilterForm):
    """The filters of one survey's results: no survey to choose, and what single answers have. Of an anonymous survey
    only what groups may be told apart by."""

    all_time: dict[str, str] = {}
    defaults: tuple[str, ...] = ()

    def __init__(
        self, data: QueryDict, *, languages: Iterable[str], versions: Iterable[int], anonymous: bool, **choices: object
    ) -> None:
        super().__init__(data, **choices)  # type: ignore[arg-type]
        del self.fields["survey"]
        if anonymous:
            for name in ("segment", "persona"):
                self.fields.pop(name, None)
            return
        self.fields["language"] = _choice(_("Language"), [(language, language) for language in languages])
        self.fields["version"] = _choice(_("Version"), [(number, number) for number in versions])
        _add_answer_fields(self, data)


class TeamsFilterForm(ScoreFilterForm):
    """The filters of the table of teams: period and branch."""

    all_time: dict[str, str] = {}
    defaults: tuple[str, ...] = ()

    def __init__(self, data: QueryDict, **choices: object) -> None:
        super().__init__(data, **choices)  # type: ignore[arg-type]
        for name in ("touchpoint", "channel", "survey"):
            del self.fields[name]


def _add_answer_fields(form: forms.Form, data: QueryDict) -> None:
    """State and marks of single answers; a mark that is asked for stands among those known."""
    states = [("partial", _("begun, not sent")), ("provisional", _("provisional")), ("any", _("all"))]
    form.fields["state"] = _choice(_("State"), [("completed", _("completed")), *states])
    marks = dict(WORDS)
    if asked := data.get("flag"):
        marks.setdefault(asked, asked)
    form.fields["flag"] = _choice(_("Marked as"), marks.items())


def _choice(label: object, choices: Iterable[tuple[object, object]]) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, required=False, choices=[*ANY, *choices], widget=PlainSelect)  # type: ignore[arg-type]


def with_usual_period(params: QueryDict, today: date) -> QueryDict:
    """The parameters, with the last 90 days where they name no period."""
    if params.get("from") or params.get("to") or params.get("period") == "all":
        return params
    filled = params.copy()
    filled["from"], filled["to"] = (today - timedelta(days=USUAL_DAYS - 1)).isoformat(), today.isoformat()
    return filled
