from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.organizations.models import Organization
from apps.surveys.models import Survey
from apps.surveys.services import create_survey, publish_survey
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import an_organization

TELECOM = Path(__file__).resolve().parents[3] / "shared" / "data" / "telecom_nps_verbatims.csv"
MAPPING = {
    "occurred_at": "CUSTOMER_RESPONSE_DATE",
    "touchpoint": "SURVEY_SUB_TYPE",
    "score": "NPS_SCORE",
    "comment": "text",
    "create_touchpoints": True,
}


@pytest.fixture(autouse=True)
def uploads(tmp_path: Path, settings: object) -> Path:
    """Uploads of a test go to a folder of its own."""
    settings.MEDIA_ROOT = tmp_path / "uploads"  # type: ignore[attr-defined]
    return tmp_path / "uploads"


@pytest.fixture
def telecom() -> SimpleUploadedFile:
    """The telecom customers' answers, from outside the repository."""
    if not TELECOM.exists():
        pytest.skip("the telecom answers are not here: put the shared data folder beside the repository")
    return SimpleUploadedFile("telecom.csv", TELECOM.read_bytes())


@pytest.fixture
def acme(db: None) -> Iterator[Organization]:
    """An organisation, in force."""
    organization = an_organization("Acme")
    with tenant(organization):
        yield organization


@pytest.fixture
def survey(acme: Organization) -> Survey:
    """A live NPS survey of it."""
    actor = Actor.system("test")
    made = create_survey(actor=actor, name="After the step", kind="nps")
    publish_survey(actor=actor, survey=made)
    made.refresh_from_db()
    return made
