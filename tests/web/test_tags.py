"""Component tags: what they print for which value."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django import forms
from django.core.paginator import Paginator
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import timezone

NPS = {"value": 38.2, "low": 34.1, "high": 42.6, "n": 1284, "rule": "nps.v1", "unit": "points", "reliability": "usable"}
WEAK = NPS | {"n": 17, "reliability": "weak"}


def render(source: str, **context: Any) -> str:
    context.setdefault("request", RequestFactory().get(context.pop("address", "/list/")))
    return Template("{% load cx i18n %}" + source).render(Context(context))


# -- scores -----------------------------------------------------------------------------------------------------------


def test_score_is_printed_with_its_interval() -> None:
    assert '+38</b> <span class="cx-muted">(34 to 43)' in render("{% cx_metric m %}", m=NPS)


def test_metric_may_be_an_object_too() -> None:
    assert "+38" in render("{% cx_metric m %}", m=SimpleNamespace(**NPS, suppressed=False))


def test_weak_score_keeps_its_number_and_says_so() -> None:
    page = render("{% cx_chip m 35 %}", m=WEAK)
    assert "+38" in page
    assert "weak" in page
    assert "cx-hx" in page


def test_suppressed_score_shows_neither_number_nor_count() -> None:
    page = render("{% cx_tile 'NPS' m %}", m=NPS | {"value": None, "n": 3, "suppressed": True})
    assert "hidden: too few answers" in page
    assert "n 3" not in page


def test_score_below_its_target_carries_the_target_in_words() -> None:
    assert "target +60" in render("{% cx_heat_cell m 60 %}", m=NPS)
    assert "target" not in render("{% cx_heat_cell m 20 %}", m=NPS)
    assert "target" not in render("{% cx_heat_cell m %}", m=NPS)


def test_touchpoint_nobody_asks_about_says_so_and_can_lead_on() -> None:
    page = render("{% cx_chip None url='/new/' %}")
    assert "not measured" in page
    assert 'href="/new/"' in page


@pytest.mark.parametrize(
    ("change", "tone"),
    [
        ({"plain": 9.0, "significant": True}, "cx-up"),
        ({"plain": -9.0, "significant": True}, "cx-down"),
        ({"plain": 9.0, "significant": False}, "cx-flat"),
    ],
)
def test_change_is_coloured_only_when_significant(change: dict[str, Any], tone: str) -> None:
    assert f"cx-pill {tone}" in render("{% cx_pill change %}", change=change)


def test_lower_effort_is_the_better_change() -> None:
    page = render("{% cx_pill change 'mean' lower_is_better=True %}", change={"plain": -0.4, "significant": True})
    assert "cx-up" in page
    assert "−0.4" in page


@pytest.mark.parametrize(
    ("score", "metric", "scale", "words"),
    [
        (6, "nps", 11, "Detractor"),
        (7, "nps", 11, "Passive"),
        (8, "nps", 11, "Passive"),
        (9, "nps", 11, "Promoter"),
        (4, "csat", 5, "Satisfied"),
        (3, "csat", 5, "Neutral"),
        (2, "csat", 5, "Dissatisfied"),
        (5, "ces", 7, "Easy"),
        (4, "ces", 7, "Neutral"),
        (3, "ces", 7, "Difficult"),
        (1, "rating", 5, "Score"),
    ],
)
def test_answer_is_named_for_readers(score: int, metric: str, scale: int, words: str) -> None:
    assert words in render("{% cx_score s m k %}", s=score, m=metric, k=scale)


def test_answer_without_a_score_is_no_detractor() -> None:
    assert "Detractor" not in render("{% cx_score None %}")


# -- forms ------------------------------------------------------------------------------------------------------------


class Sample(forms.Form):
    name = forms.CharField(label="Name", help_text="As on the invoice.", max_length=20)
    note = forms.CharField(label="Note", required=False)
    kind = forms.ChoiceField(label="Kind", choices=[("a", "A"), ("b", "B")], widget=forms.RadioSelect)
    active = forms.BooleanField(label="Active", required=False)


def test_field_ties_hint_and_error_to_its_control() -> None:
    page = render("{% cx_field form.name %}", form=Sample({"name": ""}))
    assert 'aria-describedby="id_name_hint id_name_error"' in page
    assert 'aria-invalid="true"' in page
    assert 'id="id_name_hint"' in page
    assert 'id="id_name_error"' in page
    assert "This field is required." in page


def test_field_without_error_claims_none() -> None:
    page = render("{% cx_field form.name %}", form=Sample())
    assert "aria-invalid" not in page
    assert 'aria-describedby="id_name_hint"' in page


def test_optional_field_says_so() -> None:
    assert "(optional)" in render("{% cx_field form.note %}", form=Sample())
    assert "(optional)" not in render("{% cx_field form.name %}", form=Sample())


def test_choices_are_a_fieldset_with_a_legend() -> None:
    page = render("{% cx_field form.kind %}", form=Sample())
    assert "<legend>Kind</legend>" in page
    assert page.count('type="radio"') == 2


def test_summary_links_to_every_field_that_is_wrong() -> None:
    page = render("{% cx_errors form %}", form=Sample({"name": "", "kind": "z"}))
    assert "2 things need your attention" in page
    assert 'href="#id_name"' in page
    assert 'href="#id_kind_0"' in page


def test_what_somebody_typed_is_escaped() -> None:
    page = render("{% cx_form form %}", form=Sample({"name": "<script>x</script>" * 3, "kind": "a"}))
    assert "<script>" not in page


# -- lists ------------------------------------------------------------------------------------------------------------


def test_pager_keeps_the_query_and_counts_in_words() -> None:
    page = Paginator(list(range(60)), 25).page(2)
    html = render("{% cx_pager page %}", page=page, address="/list/?q=ada&page=2")
    assert "26–50 of 60" in html
    assert 'href="?q=ada&amp;page=1"' in html
    assert 'href="?q=ada&amp;page=3"' in html


def test_changed_filter_starts_at_the_first_page_again() -> None:
    assert render("{% cx_query state='live' %}", address="/list/?page=4&q=a") == "?q=a&amp;state=live"


def test_sorted_column_tells_its_order_and_turns_it() -> None:
    html = render("{% cx_th_sort 'name' 'Name' %}", address="/list/?sort=name")
    assert 'aria-sort="ascending"' in html
    assert "sort=-name" in html
    assert "aria-sort" not in render("{% cx_th_sort 'name' 'Name' %}", address="/list/?sort=state")


class Filter(forms.Form):
    q = forms.CharField(label="Search", required=False)
    state = forms.ChoiceField(label="State", required=False, choices=[("", "Any"), ("live", "Live")])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["from"] = forms.DateField(required=False)
        self.fields["to"] = forms.DateField(required=False)


def test_filter_in_force_is_a_chip_that_can_be_removed() -> None:
    address = "/list/?q=ada&state=live&sort=name"
    html = render("{% cx_filter_bar form %}", form=Filter({"q": "ada", "state": "live"}), address=address)
    assert "<span>State</span> Live" in html
    assert 'href="?q=ada&amp;sort=name" aria-label="Remove filter State"' in html
    assert '<input type="hidden" name="sort" value="name">' in html
    assert "All time" in html


def test_usual_period_is_recognised() -> None:
    today = timezone.localdate()
    data = {"from": (today - timedelta(days=29)).isoformat(), "to": today.isoformat()}
    assert "Last 30 days" in render("{% cx_filter_bar form %}", form=Filter(data)).split("</button>")[0]


def test_filter_that_cannot_be_read_breaks_nothing() -> None:
    assert "Filter" in render("{% cx_filter_bar form %}", form=Filter({"from": "nonsense", "state": "zzz"}))


def test_empty_list_offers_its_actions_unescaped() -> None:
    html = render("{% cx_empty title='No surveys' %}<a class='cx-btn' href='/new/'>New</a>{% endcx_empty %}")
    assert "<a class='cx-btn' href='/new/'>New</a>" in html


def test_empty_list_escapes_names() -> None:
    assert "<b>" not in render("{% cx_empty title=name %}{{ name }}{% endcx_empty %}", name="<b>x</b>")


# -- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=5), "just now"),
        (timedelta(minutes=5, seconds=1), "5 min ago"),
        (timedelta(hours=2, minutes=1), "2 h ago"),
        (timedelta(days=3), "3 days ago"),
        (timedelta(minutes=-10, seconds=-30), "in 10 min"),
    ],
)
def test_moment_is_told_relative_to_now_with_the_exact_time_in_the_title(ago: timedelta, words: str) -> None:
    html = render("{% cx_time moment %}", moment=timezone.now() - ago)
    assert f">{words}<" in html
    assert "title=" in html
    assert "datetime=" in html


def test_date_of_another_year_carries_the_year() -> None:
    assert "4 Mar 2019" in render("{% cx_time day %}", day=date(2019, 3, 4))


def test_thousands_are_set_apart() -> None:
    assert render("{{ n|cx_count }}", n=1284567) == "1\u202f284\u202f567"


def test_right_is_asked_of_the_actor() -> None:
    request = RequestFactory().get("/")
    request.actor = SimpleNamespace(can=lambda permission, unit: permission == "surveys.view")  # type: ignore[attr-defined]
    source = "{% can 'surveys.view' as view %}{% can 'surveys.edit' as edit %}{{ view }} {{ edit }}"
    assert render(source, request=request) == "True False"
    assert render("{% can 'surveys.view' as view %}{{ view }}") == "False"
