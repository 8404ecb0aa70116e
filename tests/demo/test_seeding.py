"""The demo organisation: made whole, by the services, with a dip and a recovery that one can find."""

from __future__ import annotations

import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import Sum
from django.utils.timezone import now

from apps.accounts.models import User
from apps.collectors.models import Collector
from apps.comments.models import Comment, CommentMention
from apps.customers.models import Account, Customer
from apps.demo import asking, living, map_story, seeding, story
from apps.demo.management.commands.seed_demo import logins_file, pending_file
from apps.dispatch.models import Invitation, SendPlan
from apps.ideas.models import Idea
from apps.insights.models import Insight
from apps.interactions.models import Interaction
from apps.journeys.models import Journey, JourneyVersion
from apps.metrics.models import ScoreHistogram
from apps.opportunities.models import Opportunity
from apps.organizations.models import Organization
from apps.organizations.services import delete_organization
from apps.outbox.models import OutboxEvent
from apps.outbox.relay import drain
from apps.personas.models import Persona
from apps.segments.models import Segment
from apps.surveys.models import Response, Survey, SurveyVersion
from apps.touchpoints.models import BackstageRecord, Touchpoint
from cxm.actor import Actor
from cxm.scope import tenant

PROMOTERS = ("c9", "c10")
DETRACTORS = tuple(f"c{score}" for score in range(7))


@pytest.fixture
def seeded(db: None, tmp_path: Path, settings: Any) -> str:
    """The demo, seeded by its command; returns what it printed."""
    settings.DATA_DIR = tmp_path
    out = io.StringIO()
    call_command("seed_demo", stdout=out)
    return out.getvalue()


def nps(since: int, until: int, touchpoint: str | None) -> float:
    """The plain NPS from ``since`` to ``until`` days ago, of a touchpoint or of the relationship surveys."""
    today = dt.date.today()
    rows = ScoreHistogram.objects.filter(
        metric="nps", day__gte=today - dt.timedelta(days=since), day__lt=today - dt.timedelta(days=until)
    )
    rows = rows.filter(touchpoint__key=touchpoint) if touchpoint else rows.filter(survey__relationship=True)
    counts = rows.aggregate(**{f"n{i}": Sum(f"c{i}") for i in range(11)})
    total = sum(counts.values())
    plus = sum(counts[f"n{name[1:]}"] for name in PROMOTERS)
    minus = sum(counts[f"n{name[1:]}"] for name in DETRACTORS)
    return 100 * (plus - minus) / total


def test_the_demo_is_whole_badged_and_has_a_dip_and_a_recovery(seeded: str) -> None:
    organization = Organization.objects.get(slug=story.SLUG)
    assert organization.is_demo
    with tenant(organization):
        assert (Persona.objects.count(), Journey.objects.exclude(published_version=None).count()) == (3, 2)
        assert Idea.objects.count() == len(story.IDEAS)
        assert Response.objects.count() > 8000
        languages = set(Response.objects.exclude(comment="").values_list("language", flat=True))
        assert languages == set(story.LANGUAGES)
        assert Invitation.objects.filter(state="queued").count() == seeding.INVITED
        shop = Survey.objects.get(slug="city-shop-visit")
        assert [version.number for version in SurveyVersion.objects.filter(survey=shop).order_by("published_at")] == [
            1,
            2,
        ]
        assert Response.objects.filter(survey=shop, version=1).exists()
        kinds = set(Collector.objects.filter(survey=shop).values_list("kind", flat=True))
        assert kinds == {"kiosk", "poster", "widget"}
        team = Response.objects.filter(survey__audience="employees")
        assert team.count() == sum(asking.EMPLOYEES.values())
        assert not team.exclude(customer=None, invitation_id=None).exists()
        plan = SendPlan.objects.get()
        asked = Invitation.objects.filter(plan=plan)
        answered = asked.filter(state="completed")
        assert answered.count() == Response.objects.filter(survey=plan.survey).count() > 20
        assert asked.filter(state="blocked", reason__in=("global_cap", "transactional_cap")).exists()
        while OutboxEvent.objects.exists():
            drain(seconds=60)
        letter = story.PRICE_LETTER_DAY
        assert nps(letter + 60, letter, None) - nps(letter, letter - 20, None) > 15
        assert nps(60, 0, None) - nps(letter, letter - 20, None) > 15
        assert (
            nps(story.CLEAR_INVOICE_DAY, 0, "first-invoice") > nps(200, story.CLEAR_INVOICE_DAY, "first-invoice") + 15
        )


def test_its_customers_have_lives_companies_and_segments_and_the_personas_their_people(seeded: str) -> None:
    with tenant(Organization.objects.get(slug=story.SLUG)):
        customers = Customer.objects.count()
        assert customers == seeding.CUSTOMERS
        assert Interaction.objects.filter(customer=None).count() == 0
        assert Interaction.objects.values("customer").distinct().count() == customers
        assert Interaction.objects.filter(event="Invoice Issued").count() > 3000
        assert not Interaction.objects.filter(is_time_received=True).exists()
        assert Account.objects.count() == len(story.COMPANIES)
        sizes = dict(Segment.objects.values_list("name", "size"))
        assert set(sizes) == {name for name, _description, _rule in story.SEGMENTS}
        assert all(0 < size < customers for size in sizes.values()), sizes
        assert sizes["Private households"] + sizes["Business customers"] == customers
        assert sizes["At risk after the invoice"] < sizes["Unhappy with the first invoice"]
        assert Persona.objects.filter(segment=None).values_list("kind", flat=True).get() == "anti"
        assert Interaction.objects.filter(activity__name=story.CAMPAIGN["name"]).count() == living.CALLED


def test_its_logins_are_printed_kept_from_others_and_open_the_door(seeded: str) -> None:
    logins = json.loads(logins_file().read_text())
    assert logins_file().stat().st_mode & 0o777 == 0o600 and not pending_file().exists()
    for email, entry in logins.items():
        assert email in seeded and entry["password"] in seeded
        assert User.objects.get(email=email).check_password(entry["password"])


def test_a_second_run_changes_nothing_and_a_deleted_demo_stays_deleted(seeded: str) -> None:
    before = logins_file().read_text()
    out = io.StringIO()
    call_command("seed_demo", stdout=out)
    assert logins_file().read_text() == before and "mira.lind" in out.getvalue()
    organization = Organization.objects.get(slug=story.SLUG)
    with tenant(organization):
        delete_organization(actor=Actor.system("test"), confirmation=organization.name)
    out = io.StringIO()
    call_command("seed_demo", stdout=out)
    assert "was deleted" in out.getvalue()


def test_a_run_that_breaks_off_leaves_nothing_and_the_next_makes_it(
    db: None, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DATA_DIR = tmp_path

    def breaks(*_args: object, **_kwargs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("apps.demo.management.commands.seed_demo.seed_organization", breaks)
        with pytest.raises(KeyboardInterrupt):
            call_command("seed_demo", stdout=io.StringIO())
    assert not Organization.objects.exists() and not User.objects.exists() and not logins_file().exists()
    monkeypatch.setattr(seeding, "DAYS", 3)
    call_command("seed_demo", stdout=io.StringIO())
    assert Organization.objects.filter(slug=story.SLUG).exists()


def test_its_first_map_has_a_year_of_work_around_it(seeded: str) -> None:
    with tenant(Organization.objects.get(slug=story.SLUG)):
        journey = Journey.objects.get(name=story.SWITCHING["name"])
        first, second = JourneyVersion.objects.filter(journey=journey).order_by("number")
        assert (first.in_force_from, first.in_force_to) == (None, second.in_force_from)
        assert second.in_force_to is None and second.in_force_from < now() - dt.timedelta(days=70)
        assert Journey.objects.get(as_is=journey).kind == "to_be"
        assert Insight.objects.count() == len(map_story.INSIGHTS)
        assert Opportunity.objects.exclude(card_id=None).count() == len(map_story.OPPORTUNITIES)
        assert Comment.objects.count() == len(map_story.COMMENTS)
        assert CommentMention.objects.count() == 1
        assert Touchpoint.objects.exclude(promise=None).count() == len(map_story.PROMISES)
        assert BackstageRecord.objects.count() == len(map_story.BACKSTAGE)
