"""Anonymous surveys: no filter, window or split shows, or lets anybody compute, what a few people answered."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from itertools import combinations

import pytest
from django.http import QueryDict

from apps.metrics.feedback import feedback, read_feedback_filter
from apps.metrics.filters import read_selection
from apps.metrics.queries import score
from cxm.actor import Actor
from tests.factories.maps import a_touchpoint
from tests.factories.metrics import fold_pending
from tests.factories.surveys import a_survey, an_answer

SYSTEM = Actor.system("test")


def at(day: int) -> datetime:
    return datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(days=day)


def nps(organization, query, **more):
    selection = read_selection(QueryDict(query), actor=SYSTEM, organization=organization)
    return score(selection, "nps", **more)


@pytest.fixture
def survey(acme):
    return a_survey("nps", anonymous=True, audience="employees")


def test_four_answers_are_hidden_and_five_are_shown(acme, survey):
    for value in (9, 9, 3, 0):
        an_answer(survey, value)
    fold_pending()
    hidden = nps(acme, f"survey={survey.pk}").metric
    assert (hidden.suppressed, hidden.value, hidden.low) == (True, None, None)
    assert set(hidden.distribution.values()) == {0}
    an_answer(survey, 10)
    fold_pending()
    shown = nps(acme, f"survey={survey.pk}").metric
    assert (shown.suppressed, shown.value, shown.n) == (False, 20.0, 5)


def test_threshold_is_the_organisations(acme, survey):
    acme.anonymity_threshold = 3
    acme.save()
    for value in (9, 9, 3):
        an_answer(survey, value)
    fold_pending()
    assert nps(acme, f"survey={survey.pk}").metric.n == 3


def test_below_threshold_is_told_from_no_data(acme, survey):
    fold_pending()
    assert nps(acme, f"survey={survey.pk}").metric.suppressed is False
    an_answer(survey, 9)
    fold_pending()
    assert nps(acme, f"survey={survey.pk}").metric.suppressed is True


def test_ordinary_survey_without_customers_has_no_floor(acme):
    survey = a_survey("nps")
    an_answer(survey, 9)
    fold_pending()
    assert nps(acme, f"survey={survey.pk}").metric.value == 100.0


def test_filter_whose_complement_is_small_is_hidden(acme, survey):
    for value in (9, 9, 8, 3, 0, 7):
        an_answer(survey, value, channel="web")
    an_answer(survey, 1, channel="kiosk")
    fold_pending()
    assert nps(acme, f"survey={survey.pk}").metric.n == 7
    assert nps(acme, f"survey={survey.pk}&channel=kiosk").metric.suppressed
    assert nps(acme, f"survey={survey.pk}&channel=web").metric.suppressed


def test_split_hides_small_groups_and_the_one_that_would_give_them_away(acme, survey):
    for channel, n in (("web", 12), ("phone", 7), ("kiosk", 3)):
        for value in range(n):
            an_answer(survey, value % 11, channel=channel)
    fold_pending()
    groups = {g.key: g.metric for g in nps(acme, f"survey={survey.pk}", by="channel").groups}
    assert [groups[key].suppressed for key in ("web", "phone", "kiosk")] == [False, True, True]


def test_two_filters_at_once_show_nothing(acme, survey):
    touchpoint = a_touchpoint(key="canteen")
    for value in range(11):
        an_answer(survey, value, channel="web", touchpoint_id=touchpoint.pk)
        an_answer(survey, value, channel="phone")
    fold_pending()
    assert nps(acme, f"survey={survey.pk}&channel=web").metric.n == 11
    assert nps(acme, f"survey={survey.pk}&touchpoint=canteen").metric.n == 11
    assert nps(acme, f"survey={survey.pk}&channel=web&touchpoint=canteen").metric.suppressed
    assert nps(acme, f"survey={survey.pk}&channel=web", by="touchpoint").groups[0].metric.suppressed


@pytest.mark.parametrize("seed", range(3))
def test_no_two_windows_differ_by_fewer_answers_than_the_threshold(acme, survey, seed):
    chance = random.Random(seed)
    for day in range(12):
        for _ in range(chance.randint(0, 4)):
            an_answer(
                survey, chance.randint(0, 10), occurred_at=at(day), channel=chance.choice(["web", "web", "phone"])
            )
    fold_pending()
    days = [date(2026, 3, 1) + timedelta(d) for d in range(12)]
    windows = [*combinations(days, 2), *zip(days, days, strict=True)]
    shown = set()
    for start, end in windows:
        for extra in ("", "&channel=web", "&channel=phone"):
            metric = nps(acme, f"survey={survey.pk}&from={start}&to={end}{extra}").metric
            if not metric.suppressed:
                shown.add(tuple(metric.distribution.values()))
    assert len(shown) > 2
    for counts in shown:
        for other in shown:
            difference = [a - b for a, b in zip(counts, other, strict=True)]
            if min(difference) >= 0 and any(difference):
                assert sum(difference) >= 5


def test_periods_show_whole_blocks_only(acme, survey):
    for day in range(10):
        an_answer(survey, 9, occurred_at=at(day))
    fold_pending()
    series = nps(acme, f"survey={survey.pk}", interval="day").series
    assert all(period.metric.suppressed for period in series)
    assert nps(acme, f"survey={survey.pk}", interval="month").series[0].metric.n == 10


def test_comments_are_listed_from_eight_answers_on_and_under_no_further_filter(acme, survey):
    def listed(query):
        wanted = read_feedback_filter(QueryDict(query), actor=SYSTEM, organization=acme)
        found = feedback(wanted)
        return found.rows.count(), found.hidden_surveys

    for value in range(7):
        an_answer(survey, value, comment="quiet")
    assert listed(f"survey={survey.pk}") == (0, [survey.name])
    an_answer(survey, 9, comment="loud")
    assert listed(f"survey={survey.pk}") == (8, [])
    for extra in ("q=loud", "channel=web", "band=promoter", "from=2026-01-01", "score=9", "comment=1", "language=en"):
        assert listed(f"survey={survey.pk}&{extra}") == (0, [survey.name])
    assert listed("")[0] == 0
