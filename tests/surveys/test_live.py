"""What a process keeps of a survey is never older than the last change on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.organizations.models import Organization
from apps.surveys.live import live_survey, tell_processes
from apps.surveys.models import Survey
from apps.surveys.services import create_survey, publish_survey
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import an_organization

ACTOR = Actor.system("test")


@pytest.fixture
def acme(db: None, tmp_path: Path, settings: Any) -> Iterator[Organization]:
    settings.DATA_DIR = tmp_path / "data"
    organization = an_organization("Acme")
    with tenant(organization):
        yield organization


def test_another_process_sees_a_change_at_once(acme: Organization, django_assert_num_queries: Any) -> None:
    survey = create_survey(actor=ACTOR, name="After the call", kind="nps")
    publish_survey(actor=ACTOR, survey=survey)
    tell_processes()
    assert live_survey(survey.pk).version == 1
    with django_assert_num_queries(0):
        assert live_survey(survey.pk).state == "live"
    Survey.objects.filter(pk=survey.pk).update(state="closed")  # as another process does, whose memory is not ours
    tell_processes()
    assert live_survey(survey.pk).state == "closed"


def test_a_draft_is_never_kept_so_that_its_publication_counts_at_once(acme: Organization) -> None:
    survey = create_survey(actor=ACTOR, name="After the call", kind="nps")
    assert live_survey(survey.pk).state == "draft"
    Survey.objects.filter(pk=survey.pk).update(state="live")
    assert live_survey(survey.pk).state == "live"


def test_publishing_tells_the_other_processes_once_it_has_committed(
    acme: Organization, django_capture_on_commit_callbacks: Any, settings: Any
) -> None:
    survey = create_survey(actor=ACTOR, name="After the call", kind="nps")
    with django_capture_on_commit_callbacks(execute=True):
        publish_survey(actor=ACTOR, survey=survey)
        told_early = (settings.DATA_DIR / "surveys-changed").exists()
    assert not told_early and (settings.DATA_DIR / "surveys-changed").exists()
