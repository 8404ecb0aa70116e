"""Marked answers, what the score would be without them, and customers chosen by hand."""

from __future__ import annotations

from django.http import QueryDict

from apps.dispatch.models import InvitationBatch
from apps.integrity.comparisons import Verdict
from apps.integrity.doubts import doubts, flagged_answers
from apps.integrity.hand_picked import Pickings, pickings
from apps.integrity.scope import Scope, read_scope
from apps.metrics.statistics import Histogram, measure, rule_for
from apps.organizations.models import Organization, Unit
from apps.surveys.models import Survey
from cxm.scope import tenant
from tests.factories import a_member, an_actor
from tests.factories.customers import a_customer
from tests.factories.metrics import fold_pending
from tests.factories.surveys import a_survey, an_answer
from tests.integrity.population import a_measured_touchpoint, asked, days_ago


def scope_of(organization: Organization, query: str = "", unit: Unit | None = None) -> Scope:
    actor = an_actor(organization, "manager" if unit else "owner", unit=unit)
    return read_scope(QueryDict(query), actor=actor, organization=organization)


def test_the_score_stays_and_a_what_if_stands_beside_it(acme: Organization) -> None:
    survey = a_survey(relationship=True)
    for _ in range(6):
        an_answer(survey, 10)
    for _ in range(4):
        an_answer(survey, 2)
    an_answer(survey, 10, flags=("coached_comment",))
    an_answer(survey, 10, flags=("coached_comment", "hand_picked"))
    an_answer(survey, 10, flags=("scanner",))
    fold_pending()
    found = doubts(scope_of(acme))
    rule = rule_for("nps")
    assert found.plain == measure(rule, Histogram.of(11, {10: 9, 2: 4}))
    assert [(mark.flag.code, mark.answers, mark.scored, mark.without) for mark in found.marks] == [
        ("hand_picked", 1, 1, measure(rule, Histogram.of(11, {10: 8, 2: 4}))),
        ("coached_comment", 2, 2, measure(rule, Histogram.of(11, {10: 7, 2: 4}))),
    ]
    assert (found.answers, found.scored, found.without) == (2, 2, measure(rule, Histogram.of(11, {10: 7, 2: 4})))


def test_without_any_answer_nothing_is_said(acme: Organization) -> None:
    found = doubts(scope_of(acme))
    assert (found.plain, found.marks, found.answers, found.without) == (None, [], 0, None)
    assert pickings(scope_of(acme)) == Pickings([], [])


def test_all_answers_in_doubt_leave_nothing(acme: Organization) -> None:
    an_answer(a_survey(relationship=True), 10, flags=("coached_comment",))
    fold_pending()
    assert doubts(scope_of(acme)).without is None


def test_marked_answers_are_listed_under_the_filters_newest_first(acme: Organization, other: Organization) -> None:
    survey = a_survey(relationship=True)
    old = an_answer(survey, flags=("coached_comment",), occurred_at=days_ago(5))
    new = an_answer(survey, flags=("staff_session",), occurred_at=days_ago(1))
    an_answer(survey, flags=("scanner",))
    an_answer(survey)
    an_answer(a_survey(anonymous=True), flags=("coached_comment",))
    an_answer(a_survey(audience=Survey.Audience.EMPLOYEES), flags=("coached_comment",))
    an_answer(survey, flags=("coached_comment",), occurred_at=days_ago(200))
    with tenant(other):
        an_answer(a_survey(), flags=("coached_comment",))
    assert list(flagged_answers(scope_of(acme))) == [new, old]
    assert list(flagged_answers(scope_of(acme, "flag=coached_comment"))) == [old]
    assert list(flagged_answers(scope_of(acme, f"survey={a_survey().pk}"))) == []


def test_a_branch_sees_the_marked_answers_of_its_own(acme: Organization) -> None:
    north = Unit.objects.create(name="North", code="n")
    survey = a_survey(relationship=True)
    mine = an_answer(survey, flags=("coached_comment",), unit_id=north.pk)
    an_answer(survey, flags=("coached_comment",))
    fold_pending()
    assert list(flagged_answers(scope_of(acme, unit=north))) == [mine]
    assert doubts(scope_of(acme, unit=north)).answers == 1


def chosen(organization: Organization, survey: Survey, scores: list[int], *, sender: str = "Uma") -> None:
    """Answers to one sending that a colleague put together."""
    batch = InvitationBatch.objects.create(survey=survey, created_by=a_member(organization, name=sender))
    for score in scores:
        answered(survey, score, batch)


def answered(survey: Survey, score: int, batch: InvitationBatch | None = None) -> None:
    customer = a_customer()
    invitation = asked(survey, customer, batch=batch, state="completed")
    an_answer(survey, score, customer_id=customer.pk, invitation_id=invitation.pk)


def test_customers_chosen_by_hand_are_compared_with_all_others_invited(acme: Organization) -> None:
    picked, fair = a_survey(relationship=True), a_measured_touchpoint()
    for survey, scores in ((picked, [10] * 12), (fair, [10] * 5 + [2] * 7)):
        for score in [10] * 5 + [2] * 10:
            answered(survey, score)
        chosen(acme, survey, scores, sender="Uma" if survey is picked else "Ole")
    an_answer(picked, 0)  # nobody invited this one
    found = pickings(scope_of(acme))
    assert [(row.label, row.picked.n, row.others.n, row.verdict) for row in found.surveys] == [
        (picked.name, 12, 15, Verdict.ABOVE),
        (fair.name, 12, 15, Verdict.SAME),
    ]
    assert [(row.label, row.picked.n, row.verdict) for row in found.senders] == [
        ("Uma", 12, Verdict.ABOVE),
        ("Ole", 12, Verdict.SAME),
    ]
    top = found.surveys[0]
    assert top.difference is not None and round(top.difference.plain, 6) == 133.333333
    assert top.difference.low > 0


def test_few_answers_are_too_few_to_say(acme: Organization) -> None:
    survey = a_survey(relationship=True)
    chosen(acme, survey, [10] * 3)
    answered(survey, 2)
    (row,) = pickings(scope_of(acme)).surveys
    assert row.verdict is Verdict.FEW


def test_an_anonymous_surveys_invitees_are_never_compared(acme: Organization) -> None:
    survey = a_survey(relationship=True, anonymous=True)
    batch = InvitationBatch.objects.create(survey=survey, created_by=a_member(acme))
    asked(survey, a_customer(), batch=batch, state="completed")
    an_answer(survey, 10)
    assert pickings(scope_of(acme)).surveys == []
