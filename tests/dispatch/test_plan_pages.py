"""Planning a sending step by step, and the page of one that runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from apps.dispatch import plans, quotas
from apps.dispatch.explaining import RULE_NAMES
from apps.dispatch.models import Invitation, MailboxMessage, SendPlan
from apps.dispatch.plan_shown import REASONS
from apps.dispatch.planning import run_plan
from apps.dispatch.services import complete_invitations
from apps.organizations.models import Membership, Organization
from apps.segments.models import Segment, SegmentMember
from apps.segments.services import delete_segment
from apps.surveys.models import Survey
from cxm.actor import Actor
from cxm.errors import Conflict
from cxm.scope import tenant
from tests.factories import a_member, an_organization, signed_in
from tests.factories.dispatch import a_customer_to_ask
from tests.factories.people import a_unit
from tests.factories.surveys import a_survey

SYSTEM = Actor.system("test")


@pytest.fixture
def organization(db: None) -> Iterator[Organization]:
    organization = an_organization("Nordwind")
    with tenant(organization):
        yield organization


@pytest.fixture
def manager(organization: Organization) -> Client:
    return signed_in(a_member(organization, "manager", name="Mara Manager"))


@pytest.fixture
def survey(organization: Organization) -> Survey:
    return a_survey(name="Every quarter", relationship=True, languages=["en", "de"])


def page(organization: Organization, tail: str) -> str:
    return f"/o/{organization.slug}/{tail}"


def a_group(*customers: Any, name: str = "Group") -> Segment:
    segment = Segment.objects.create(name=name, kind="static", state="ready", size=len(customers))
    for customer in customers:
        SegmentMember.objects.create(segment=segment, customer=customer)
    return segment


def a_plan(survey: Survey, *customers: Any, start: bool = True, **fields: Any) -> SendPlan:
    segment = fields.pop("segment", None) or a_group(*customers, name=f"Group {uuid4()}")
    plan = plans.create_plan(actor=SYSTEM, survey=survey, segment_id=segment.pk, **fields)
    return plans.start_plan(actor=SYSTEM, plan=plan) if start else plan


def step(organization: Organization, plan: SendPlan, name: str) -> str:
    return page(organization, f"surveys/{plan.survey_id}/send/{plan.pk}/{name}/")


def hidden(html: str, name: str) -> str:
    found = re.search(rf'name="{name}"[^>]*value="([^"]*)"', html)
    assert found, f"no field {name}"
    return found.group(1)


LIMITS = {
    "quota_period": "total",
    "sample_percent": "100",
    "stop_bounce_percent": "10",
    "stop_complaint_percent": "0.5",
}


class TestSteps:
    def test_survey_is_planned_in_five_steps_and_started(
        self, organization: Organization, manager: Client, survey: Survey
    ) -> None:
        segment = a_group(a_customer_to_ask(), a_customer_to_ask(known_days=1), name="Private")
        first = page(organization, f"surveys/{survey.pk}/send/")
        assert "Private (2)" in manager.get(first).content.decode()
        answer = manager.post(first, {"who": "segment", "segment": str(segment.pk)})
        plan = SendPlan.objects.get()
        assert answer["Location"] == step(organization, plan, "how")
        words = {"name": "Autumn", "channel": "email", "subject_en": "Hello {{ customer.first_name }}"}
        assert manager.post(answer["Location"], words)["Location"] == step(organization, plan, "when")
        answer = manager.post(step(organization, plan, "when"), {"when": "now", "per_day": "20"})
        assert answer["Location"] == step(organization, plan, "limits")
        limits = {**LIMITS, "remind_first": "3", "remind_second": "7", "quota": "50"}
        assert manager.post(answer["Location"], limits)["Location"] == step(organization, plan, "check")
        plan.refresh_from_db()
        assert (plan.name, plan.segment_id, plan.per_day, plan.quota) == ("Autumn", segment.pk, 20, 50)
        assert plan.reminder_days == [3, 7]
        assert plan.texts == {"en": {"subject": "Hello {{ customer.first_name }}"}}

        html = manager.get(step(organization, plan, "check")).content.decode()
        assert "Of 2 people, <b>1</b> may be asked." in html
        assert "New customer" in html
        assert "No past sends to estimate the number of answers from." in html
        assert "after 3 and 7 days" in html
        assert "Start: ask 1 person" in html
        assert not Invitation.objects.exists()
        started = manager.post(step(organization, plan, "check"), {"seen": hidden(html, "seen")})
        assert started["Location"] == page(organization, f"sendings/{plan.pk}/")
        plan.refresh_from_db()
        assert plan.state == "active"

    def test_what_changed_since_it_was_looked_at_is_looked_at_again(
        self, organization: Organization, manager: Client, survey: Survey
    ) -> None:
        plan = a_plan(survey, a_customer_to_ask(), start=False)
        seen = hidden(manager.get(step(organization, plan, "check")).content.decode(), "seen")
        plans.update_plan(actor=SYSTEM, plan=plan, per_day=5)
        assert manager.post(step(organization, plan, "check"), {"seen": seen}).status_code == 409
        plan.refresh_from_db()
        assert plan.state == "draft"

    @pytest.mark.parametrize(
        ("wish", "words"),
        [
            ({"who": "segment"}, "Choose the segment."),
            ({"who": "martians"}, "Select a valid choice"),
            ({"who": "list"}, "Paste the customers, or choose a file."),
            ({"who": "list", "ids": "nobody-1\nnobody-2"}, "None of these lines names a customer"),
            ({"who": "event"}, "Name the event."),
            ({"who": "event", "event": "bought", "where": "no colon"}, "property: value"),
            ({"who": "event", "event": "bought", "delay_hours": "99999"}, "less than or equal to 2160"),
            ({"who": "segment", "segment": str(uuid4())}, "Select a valid choice"),
        ],
    )
    def test_wrong_choice_of_people_says_what_to_do(
        self, organization: Organization, manager: Client, survey: Survey, wish: dict[str, str], words: str
    ) -> None:
        a_group(a_customer_to_ask())
        answer = manager.post(page(organization, f"surveys/{survey.pk}/send/"), wish)
        assert answer.status_code == 422
        assert words in answer.content.decode()
        assert not SendPlan.objects.exists()
        assert Segment.objects.count() == 1

    @pytest.mark.parametrize(
        ("name", "wish", "words"),
        [
            ("how", {"name": "", "channel": "email"}, "required"),
            ("how", {"name": "x", "channel": "pigeon"}, "Select a valid choice"),
            ("how", {"name": "x", "channel": "sms"}, "Select a valid choice"),
            ("how", {"name": "x", "channel": "email", "reply_to": "nobody"}, "valid email"),
            ("how", {"name": "x", "channel": "email", "subject_en": "{{ customer.password }}"}, "customer.password"),
            ("how", {"name": "x", "channel": "email", "opening_de": "{% for a in b %}"}, "for"),
            ("when", {"when": "later"}, "Choose the day and time."),
            ("when", {"when": "now", "per_day": "0"}, "greater than or equal to 1"),
            ("when", {"when": "now", "per_day": "9" * 30}, "whole number"),
            ("when", {"when": "later", "starts_at": "2199-01-01T10:00"}, "next five years"),
            ("when", {"when": "now", "ends_at": "2020-01-01T10:00"}, "after the start"),
            ("limits", {**LIMITS, "remind_second": "7"}, "when the first reminder goes"),
            ("limits", {**LIMITS, "remind_first": "7", "remind_second": "3"}, "after the first"),
            ("limits", {**LIMITS, "sample_percent": "nan"}, "Enter a number"),
            ("limits", {**LIMITS, "quota_period": "aeon"}, "Select a valid choice"),
        ],
    )
    def test_wrong_step_says_what_to_do(
        self,
        organization: Organization,
        manager: Client,
        survey: Survey,
        name: str,
        wish: dict[str, str],
        words: str,
    ) -> None:
        plan = a_plan(survey, a_customer_to_ask(), start=False)
        before = SendPlan.objects.values().get()
        answer = manager.post(step(organization, plan, name), wish)
        assert answer.status_code == 422
        assert words in answer.content.decode()
        assert SendPlan.objects.values().get() == before

    def test_everyone_is_one_segment_however_often_it_is_chosen(
        self, organization: Organization, manager: Client, survey: Survey
    ) -> None:
        a_customer_to_ask()
        path = page(organization, f"surveys/{survey.pk}/send/")
        for who in ({"who": "everyone"}, {"who": "everyone"}, {"who": "stage", "stage": "former"}):
            assert manager.post(path, who).status_code == 302
        assert set(Segment.objects.values_list("name", flat=True)) == {"Everyone", "Stage: Former customer"}
        assert SendPlan.objects.count() == 3

    def test_event_of_a_plan_is_kept_with_conditions_and_delay(
        self, organization: Organization, manager: Client, survey: Survey
    ) -> None:
        wish = {"who": "event", "event": "order_delivered", "where": "country: DE\nvalue: 7", "delay_hours": "1.5"}
        assert manager.post(page(organization, f"surveys/{survey.pk}/send/"), wish).status_code == 302
        plan = SendPlan.objects.get()
        assert plan.trigger == {"event": "order_delivered", "where": {"country": "DE", "value": 7}}
        assert plan.delay_minutes == 90
        html = manager.get(step(organization, plan, "whom")).content.decode()
        assert "order_delivered" in html and "country: DE" in html
        html = manager.get(step(organization, plan, "check")).content.decode()
        assert "Nobody lived through this event in the last 30 days." in html
        assert "Start asking" in html

    def test_members_are_asked_where_the_survey_is_for_employees(
        self, organization: Organization, manager: Client
    ) -> None:
        survey = a_survey(name="Pulse", audience="employees", anonymous=True)
        path = page(organization, f"surveys/{survey.pk}/send/")
        html = manager.get(path).content.decode()
        assert "Members of your organisation" in html
        assert "People of a segment" not in html
        plan_page = manager.post(path, {"who": "members"})["Location"]
        plan = SendPlan.objects.get()
        assert plan_page == step(organization, plan, "how")
        html = manager.get(step(organization, plan, "check")).content.decode()
        members = Membership.objects.filter(organization=organization).count()
        assert f"<b>{members}</b> may be asked." in html

    def test_draft_survey_can_be_planned_but_not_started(self, organization: Organization, manager: Client) -> None:
        plan = a_plan(a_survey(published=False, relationship=True), a_customer_to_ask(), start=False)
        html = manager.get(step(organization, plan, "check")).content.decode()
        assert "Publish the survey first." in html
        assert 'name="seen"' not in html

    def test_draft_is_found_again_and_removed(
        self, organization: Organization, manager: Client, survey: Survey
    ) -> None:
        plan = a_plan(survey, a_customer_to_ask(), start=False, name="Spring")
        path = page(organization, f"surveys/{survey.pk}/send/")
        assert "Spring" in manager.get(path).content.decode()
        assert manager.post(step(organization, plan, "discard")).status_code == 302
        assert not SendPlan.objects.exists()

    def test_link_for_one_customer_leads_to_the_page_that_sends_at_once(
        self, organization: Organization, manager: Client, survey: Survey
    ) -> None:
        answer = manager.get(page(organization, f"surveys/{survey.pk}/send/"), {"customer": "a&b c"})
        assert answer["Location"].endswith("/send/once/?customer=a%26b%20c")


class TestLists:
    def post(self, organization: Organization, manager: Client, survey: Survey, **wish: Any) -> Any:
        return manager.post(page(organization, f"surveys/{survey.pk}/send/"), {"who": "list", **wish})

    def members(self) -> set[Any]:
        plan = SendPlan.objects.get()
        return set(SegmentMember.objects.filter(segment_id=plan.segment_id).values_list("customer_id", flat=True))

    def test_ids_addresses_and_numbers_are_found_and_the_rest_told_by_line(
        self, organization: Organization, manager: Client, survey: Survey
    ) -> None:
        by_id, by_mail, by_phone = (a_customer_to_ask() for _ in range(3))
        by_phone.phone = "+4930123456"
        by_phone.save()
        text = f"{by_id.external_id}\n{(by_mail.email or '').upper()}; =HYPERLINK(1)\n\n0049 30 123456\nnobody\n"
        answer = self.post(organization, manager, survey, ids=text)
        assert self.members() == {by_id.pk, by_mail.pk, by_phone.pk}
        html = manager.get(answer["Location"]).content.decode()
        assert "2 lines name nobody" in html
        rows = b"".join(manager.get(step(organization, SendPlan.objects.get(), "unknown")).streaming_content)
        assert rows.decode().splitlines() == ["line,text", "2,'=HYPERLINK(1)", "5,nobody"]

    @pytest.mark.parametrize(
        ("content", "known"),
        [
            ("name;email\nLena;{email}\nMara;nobody@example.com\n", 1),
            ("{id}\r\n{id}\r\n", 1),
            ("﻿External ID,x\n{id},1\n", 1),
            ('"{id}","a, b"\n', 1),
        ],
    )
    def test_file_with_or_without_a_heading(
        self, organization: Organization, manager: Client, survey: Survey, content: str, known: int
    ) -> None:
        customer = a_customer_to_ask()
        text = content.format(email=customer.email, id=customer.external_id)
        upload = SimpleUploadedFile("list.csv", text.encode())
        assert self.post(organization, manager, survey, file=upload).status_code == 302
        assert self.members() == {customer.pk}

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "Name your customers"),
            (b"PK\x03\x04rest", "This is a workbook"),
            (b"a\x00b", "This is no text file"),
            (b'"never closed\n' * 2, "None of these lines"),
            (b"\xff\xfe\x00", "This is no text file"),
            (b"\x80\x81\n", "None of these lines"),
        ],
    )
    def test_file_that_is_no_list_is_refused(
        self, organization: Organization, manager: Client, survey: Survey, content: bytes, words: str
    ) -> None:
        answer = self.post(organization, manager, survey, file=SimpleUploadedFile("list.csv", content))
        assert answer.status_code == 422
        assert words in answer.content.decode()
        assert not SendPlan.objects.exists()

    def test_other_organisations_customers_are_nobody(
        self, organization: Organization, manager: Client, survey: Survey
    ) -> None:
        with tenant(an_organization("Other")):
            theirs = a_customer_to_ask()
        answer = self.post(organization, manager, survey, ids=f"{theirs.external_id}\n{theirs.email}")
        assert "None of these lines" in answer.content.decode()

    def test_long_list_is_matched_in_few_queries(
        self, organization: Organization, manager: Client, survey: Survey
    ) -> None:
        customers = [a_customer_to_ask() for _ in range(3)]
        lines = [str(one.external_id) for one in customers] + [f"nobody-{number}" for number in range(60_000)]
        upload = SimpleUploadedFile("list.csv", "\n".join(lines).encode())
        with CaptureQueriesContext(connection) as captured:
            assert self.post(organization, manager, survey, file=upload).status_code == 302
        assert len(captured) < 80
        assert len(self.members()) == 3


class TestMessage:
    def test_frame_shows_what_is_typed_light_dark_and_as_text(
        self, organization: Organization, manager: Client, survey: Survey
    ) -> None:
        plan = a_plan(survey, a_customer_to_ask(), start=False)
        typed = {
            "name": "x",
            "channel": "email",
            "subject_en": "Hello {{ customer.first_name }}",
            "opening_en": "<script>alert(1)</script>",
            "opening_de": "Nur eine Frage",
        }
        light = manager.post(step(organization, plan, "mail"), {**typed, "show": "light"})
        assert "&lt;script&gt;alert(1)" in light.content.decode()
        assert "sandbox" in light["Content-Security-Policy"]
        assert "@media not all" in light.content.decode()
        dark = manager.post(step(organization, plan, "mail"), {**typed, "show": "dark"}).content.decode()
        assert "@media all" in dark and "prefers-color-scheme" not in dark
        text = manager.post(step(organization, plan, "mail"), {**typed, "show": "text"}).content.decode()
        assert "<p>Hello Lena</p>" in text and "&lt;script&gt;" in text and "<script" not in text
        german = {**typed, "show": "text", "preview_language": "de"}
        assert "Nur eine Frage" in manager.post(step(organization, plan, "mail"), german).content.decode()
        plan.refresh_from_db()
        assert plan.texts == {}, "looking saves nothing"
        assert manager.get(step(organization, plan, "mail"), {"show": "nonsense"}).status_code == 200

    def test_wrong_template_is_said_in_the_frame(
        self, organization: Organization, manager: Client, survey: Survey
    ) -> None:
        plan = a_plan(survey, a_customer_to_ask(), start=False)
        typed = {"name": "x", "channel": "email", "opening_en": "{{ broken", "show": "light"}
        assert manager.post(step(organization, plan, "mail"), typed).status_code == 200

    def test_test_mail_goes_to_whoever_asks_and_to_nobody_else(
        self, organization: Organization, manager: Client, survey: Survey
    ) -> None:
        plan = a_plan(survey, a_customer_to_ask(), start=False)
        typed = {"name": "Autumn", "channel": "email", "subject_en": "Autumn words"}
        assert manager.post(step(organization, plan, "test"), typed).status_code == 302
        mail = MailboxMessage.objects.get()
        assert mail.subject == "[Test] Autumn words"
        assert "mara" in mail.to.lower()
        assert not Invitation.objects.exists()


class TestPlanPage:
    def test_shows_progress_rules_and_every_decision_with_its_figures(
        self, organization: Organization, manager: Client, survey: Survey
    ) -> None:
        asked, new = a_customer_to_ask(name="Lena Vogel"), a_customer_to_ask(name="Neu Mann", known_days=1)
        plan = a_plan(survey, asked, new, name="Autumn")
        run_plan(plan)
        html = manager.get(page(organization, f"sendings/{plan.pk}/")).content.decode()
        assert "2 decisions so far." in html
        assert "Lena Vogel" in html
        assert "0 of 1 surveys of any kind in 30 days" in html
        assert "the first survey waits 3 days" in html
        only = manager.get(page(organization, f"sendings/{plan.pk}/"), {"state": "blocked"}).content.decode()
        assert "Neu Mann" in only and "Lena Vogel" not in only
        found = manager.get(page(organization, f"sendings/{plan.pk}/"), {"q": "vogel"}).content.decode()
        assert "Lena Vogel" in found and "Neu Mann" not in found

    def test_response_rate_has_its_interval_and_n(
        self, organization: Organization, manager: Client, survey: Survey
    ) -> None:
        plan = a_plan(survey, *[a_customer_to_ask() for _ in range(4)])
        run_plan(plan)
        Invitation.objects.update(state="sent", sent_at=now())
        complete_invitations(invitation_ids=[Invitation.objects.all()[0].pk])
        html = manager.get(page(organization, f"sendings/{plan.pk}/")).content.decode()
        assert re.search(r"<b>25\W*%</b> <span[^>]*>\(5 to 70\)", html), "Wilson's interval of 1 in 4 (4.6 to 69.9)"

    def test_is_paused_resumed_and_stopped(self, organization: Organization, manager: Client, survey: Survey) -> None:
        plan = a_plan(survey, a_customer_to_ask())
        run_plan(plan)
        plan = a_plan(survey, a_customer_to_ask(), per_day=1, repeat_days=30)
        path = page(organization, f"sendings/{plan.pk}/")
        for what, state in (("pause", "paused"), ("resume", "active"), ("stop", "stopped")):
            assert manager.post(f"{path}{what}/").status_code == 302
            plan.refresh_from_db()
            assert plan.state == state
        assert "Stopped by hand." in manager.get(path).content.decode()
        assert manager.post(f"{path}resume/").status_code == 409
        assert manager.post(f"{path}explode/").status_code == 404
        assert manager.get(f"{path}pause/").status_code == 405

    def test_fragment_is_the_progress_alone_and_asks_again_while_it_moves(
        self, organization: Organization, manager: Client, survey: Survey
    ) -> None:
        plan = a_plan(survey, a_customer_to_ask())
        run_plan(plan)
        headers = {"HX-Request": "true", "HX-Request-Type": "partial"}
        path = page(organization, f"sendings/{plan.pk}/")
        moving = manager.get(path, headers=headers).content.decode()
        assert "<html" not in moving and 'hx-trigger="every 2s"' in moving
        SendPlan.objects.update(state="finished")
        Invitation.objects.update(state="sent", sent_at=now())
        assert "hx-trigger" not in manager.get(path, headers=headers).content.decode()

    def test_anonymous_survey_never_tells_who_answered(self, organization: Organization, manager: Client) -> None:
        survey = a_survey(relationship=True, anonymous=True)
        plan = a_plan(survey, a_customer_to_ask(), a_customer_to_ask())
        run_plan(plan)
        Invitation.objects.update(state="sent", sent_at=now())
        first, second = Invitation.objects.order_by("pk")
        complete_invitations(invitation_ids=[first.pk], keep_time=False)
        Invitation.objects.filter(pk=second.pk).update(reminders_sent=1)
        path = page(organization, f"sendings/{plan.pk}/")
        html = manager.get(path).content.decode()
        table = html[html.index('id="list"') :]
        assert "Answered" not in table and "Reminded" not in table
        none = manager.get(path, {"state": "completed"}).content.decode()
        assert "data-row" not in none[none.index('id="list"') :]
        rows = b"".join(manager.get(f"{path}export/").streaming_content).decode()
        assert "completed" not in rows

    def test_export_has_what_is_filtered_and_no_formula(
        self, organization: Organization, manager: Client, survey: Survey
    ) -> None:
        plan = a_plan(survey, a_customer_to_ask(name="=cmd()"), a_customer_to_ask(name="Neu", known_days=1))
        run_plan(plan)
        path = page(organization, f"sendings/{plan.pk}/export/")
        rows = b"".join(manager.get(path).streaming_content).decode().splitlines()
        assert len(rows) == 3
        assert any(",'=cmd()," in row for row in rows)
        blocked = b"".join(manager.get(path, {"state": "blocked"}).streaming_content).decode().splitlines()
        assert len(blocked) == 2 and "new_customer_wait" in blocked[1]
        assert manager.get(path, {"state": "nonsense"}).status_code == 422

    def test_list_and_page_cost_the_same_for_one_and_for_three(
        self, organization: Organization, manager: Client, survey: Survey
    ) -> None:
        def queries(path: str) -> int:
            manager.get(path)
            with CaptureQueriesContext(connection) as captured:
                assert manager.get(path).status_code == 200
            return len(captured)

        plan = a_plan(survey, a_customer_to_ask())
        run_plan(plan)
        detail, listed = page(organization, f"sendings/{plan.pk}/"), page(organization, "sendings/")
        one = queries(detail), queries(listed)
        for _ in range(2):
            more = a_plan(survey, a_customer_to_ask())
            run_plan(more)
            Invitation.objects.filter(plan=more).update(plan=plan)
        assert (queries(detail), queries(listed)) == one

    def test_nothing_planned_yet_says_what_to_do(self, organization: Organization, manager: Client) -> None:
        assert "Nothing was planned yet" in manager.get(page(organization, "sendings/")).content.decode()

    def test_every_reason_and_rule_has_words(self) -> None:
        assert set(plans.REASONS) <= set(REASONS)
        assert set(quotas.PLAN_RULES) <= set(RULE_NAMES)


class TestWhoMay:
    def test_other_organisations_plan_does_not_exist(self, organization: Organization, manager: Client) -> None:
        with tenant(an_organization("Other")):
            theirs = a_plan(a_survey(relationship=True), a_customer_to_ask())
            draft = a_plan(a_survey(relationship=True), a_customer_to_ask(), start=False)
        for tail in ("", "export/"):
            assert manager.get(page(organization, f"sendings/{theirs.pk}/{tail}")).status_code == 404
        assert manager.post(page(organization, f"sendings/{theirs.pk}/stop/")).status_code == 404
        for name in ("whom", "how", "when", "limits", "check", "mail", "unknown"):
            assert manager.get(step(organization, draft, name)).status_code == 404

    def test_plan_belongs_to_its_survey(self, organization: Organization, manager: Client, survey: Survey) -> None:
        plan = a_plan(survey, a_customer_to_ask(), start=False)
        other = a_survey(relationship=True)
        assert manager.get(page(organization, f"surveys/{other.pk}/send/{plan.pk}/how/")).status_code == 404

    def test_started_plan_is_no_draft_any_more(
        self, organization: Organization, manager: Client, survey: Survey
    ) -> None:
        plan = a_plan(survey, a_customer_to_ask())
        assert manager.post(step(organization, plan, "when"), {"when": "now"}).status_code == 409

    def test_analyst_looks_and_changes_nothing(self, organization: Organization, survey: Survey) -> None:
        analyst = signed_in(a_member(organization, "analyst"))
        plan = a_plan(survey, a_customer_to_ask())
        html = analyst.get(page(organization, f"sendings/{plan.pk}/")).content.decode()
        assert "Stop for good" not in html
        assert analyst.post(page(organization, f"sendings/{plan.pk}/stop/")).status_code == 403
        assert analyst.get(page(organization, f"surveys/{survey.pk}/send/")).status_code == 403
        draft = a_plan(survey, a_customer_to_ask(), start=False)
        assert analyst.get(page(organization, f"sendings/{draft.pk}/")).status_code == 404

    def test_branch_sees_and_sends_to_its_own_alone(self, organization: Organization, survey: Survey) -> None:
        north, south = a_unit(), a_unit()
        member = signed_in(a_member(organization, "manager", unit=north))
        mine, theirs = a_customer_to_ask(unit=north), a_customer_to_ask(unit=south)
        segment = a_group(mine, theirs)
        path = page(organization, f"surveys/{survey.pk}/send/")
        html = member.get(path).content.decode()
        assert north.name in html and south.name not in html
        wish = {"who": "segment", "segment": str(segment.pk)}
        assert member.post(path, wish).status_code == 422
        assert member.post(path, {**wish, "unit": str(south.pk)}).status_code == 422
        assert member.post(path, {**wish, "unit": str(north.pk)}).status_code == 302
        plan = SendPlan.objects.get()
        check = member.get(step(organization, plan, "check")).content.decode()
        assert "Of 1 person, <b>1</b> may be asked." in check
        plans.start_plan(actor=SYSTEM, plan=plan)
        run_plan(plan)
        assert list(Invitation.objects.values_list("customer_id", flat=True)) == [mine.pk]
        whole = a_plan(survey, theirs)
        run_plan(whole)
        assert member.get(page(organization, f"sendings/{whole.pk}/")).status_code == 404
        assert str(whole.pk) not in member.get(page(organization, "sendings/")).content.decode()
        pasted = member.post(path, {"who": "list", "unit": str(north.pk), "ids": str(theirs.external_id)})
        assert "None of these lines" in pasted.content.decode()

    def test_segment_of_a_plan_that_has_not_ended_is_not_deleted(
        self, organization: Organization, manager: Client, survey: Survey
    ) -> None:
        segment = a_group(a_customer_to_ask())
        plan = a_plan(survey, segment=segment, name="Autumn")
        with pytest.raises(Conflict, match="Sending “Autumn”"):
            delete_segment(actor=SYSTEM, segment=segment)
        plans.stop_plan(actor=SYSTEM, plan=plan)
        delete_segment(actor=SYSTEM, segment=segment)

    def test_plan_with_an_end_far_ahead_is_shown(
        self, organization: Organization, manager: Client, survey: Survey
    ) -> None:
        plan = a_plan(survey, a_customer_to_ask(), ends_at=now() + timedelta(days=400))
        assert "until" in manager.get(page(organization, f"sendings/{plan.pk}/")).content.decode()
