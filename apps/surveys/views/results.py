"""What came of a survey: its page, which an upper app draws, and its versions."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.views.decorators.http import require_GET

from apps.surveys import queries, registry
from apps.surveys.models import Survey
from apps.surveys.versions import Versions
from cxm.web.http import MemberRequest
from cxm.web.views import permission_required, render_page


@permission_required("surveys.view")
@require_GET
def survey_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    """The results of a survey, its link, and what can be done with it: drawn by whoever measures."""
    return registry.survey_page()(request, survey_or_404(pk))


@permission_required("surveys.view")
@require_GET
def survey_versions(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Every version with who and when, and what differs between two of them."""
    survey = survey_or_404(pk)
    versions = Versions(survey)
    compared = versions.compare(request.GET.get("before", ""), request.GET.get("after", ""))
    context = {"survey": survey, "versions": versions.all, "compared": compared}
    return render_page(request, "surveys/versions.html", context)


def survey_or_404(pk: UUID) -> Survey:
    """The survey of an address. Raises Http404, also for another organisation's."""
    survey = queries.surveys().filter(pk=pk).first()
    if survey is None:
        raise Http404
    return survey
