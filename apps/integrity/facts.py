"""What the pages of surveys say of whom they reached."""

from __future__ import annotations

from django.http import QueryDict
from django.utils.translation import gettext

from apps.dispatch.models import Invitation
from apps.integrity.coverage import coverage_of
from apps.integrity.scope import USUAL_DAYS, read_scope
from apps.organizations.models import Organization
from apps.surveys.models import Survey
from cxm.actor import Actor
from cxm.scope import current_tenant_id


def coverage_facts(*, actor: Actor, survey: Survey) -> list[tuple[str, str]]:
    """The coverage of a survey that was sent, beside its response rate: of the last 90 days, with interval and n.

    Nothing where there was no send, where no event says when customers met the touchpoint, and for readers without
    `metrics.view`. Four queries at most.
    """
    if survey.touchpoint_id is None or survey.audience != Survey.Audience.CUSTOMERS or not actor.can("metrics.view"):
        return []
    if not Invitation.objects.filter(survey=survey).exists():
        return []
    organization = Organization.objects.get(pk=current_tenant_id())
    scope = read_scope(QueryDict(f"survey={survey.pk}"), actor=actor, organization=organization)
    covered = coverage_of(scope)
    if covered is None or covered.value is None or covered.low is None or covered.high is None:
        return []
    return [
        (
            gettext("Coverage"),
            gettext("%(value).0f %% (%(low).0f to %(high).0f) of %(n)d experiences in %(days)d days were asked about")
            % {
                "value": covered.value,
                "low": covered.low,
                "high": covered.high,
                "n": covered.n,
                "days": USUAL_DAYS,
            },
        )
    ]
