"""The managers' pages: list, new, results, words with a live preview, publish, close."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from uuid import UUID

import segno
from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.surveys import queries, registry, services
from apps.surveys.catalogue import TEMPLATES, template_for_kind
from apps.surveys.filters import SurveyFilter
from apps.surveys.forms import NewSurveyForm
from apps.surveys.models import Survey
from cxm.errors import DomainError
from cxm.web.forms import domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other

PAGE_SIZE = 50
SORTS = {"name": "name", "created": "created_at", "state": "state"}
STATE_BADGES = {Survey.State.DRAFT: "", Survey.State.LIVE: "ok", Survey.State.CLOSED: "i"}


@permission_required("surveys.view")
def survey_list(request: MemberRequest) -> HttpResponse:
    """Every survey with its state, its answers and its score."""
    found = SurveyFilter(request.GET or None, queryset=queries.surveys(), request=request)
    rows = found.qs if not found.is_bound or found.form.is_valid() else found.queryset.none()
    sort = request.GET.get("sort", "")
    column = SORTS.get(sort.removeprefix("-"), "created_at")
    order = column if sort and not sort.startswith("-") else f"-{column}"
    page = Paginator(rows.order_by(order, "pk"), PAGE_SIZE).get_page(request.GET.get("page"))
    surveys = list(page.object_list)
    counts = queries.answer_counts([survey.pk for survey in surveys])
    results = registry.results_of(actor=request.actor, organization=request.organization, surveys=surveys)
    lines = [
        {
            "survey": survey,
            "badge": STATE_BADGES[Survey.State(survey.state)],
            "answers": counts.get(survey.pk, 0),
            "metric": results.get(survey.pk),
        }
        for survey in surveys
    ]
    return render_page(request, "surveys/list.html", {"filter": found, "page": page, "lines": lines}, partial="list")


@permission_required("surveys.edit")
def survey_create(request: MemberRequest) -> HttpResponse:
    """A template, languages, what it is about: everything else is already there."""
    initial = {name: request.GET[name] for name in ("name", "kind", "template") if name in request.GET}
    form = NewSurveyForm(request.POST or None, organization=request.organization, initial=initial)
    if key := request.GET.get("touchpoint", ""):
        form.initial["touchpoint"] = form.fields["touchpoint"].queryset.filter(key=key[:64]).first()  # type: ignore[attr-defined]
    if "template" not in form.initial:
        about = bool(form.initial.get("touchpoint"))
        form.initial["template"] = template_for_kind(initial.get("kind", "nps"), touchpoint=about)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            survey = _created(request, form.cleaned_data)
            messages.success(request, _("Survey created. Check its words, then publish it."))
            return see_other(request, org_url(request.organization, "surveys:edit", pk=survey.pk))
    chosen = form["template"].value() or ""
    cards = [{"template": template, "chosen": template.id == chosen} for template in TEMPLATES.values()]
    return render_page(request, "surveys/new.html", {"form": form, "cards": cards, "blank": not chosen})


@permission_required("surveys.edit")
@require_POST
def survey_standard(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Back to the standard wording."""
    survey = _survey(pk)
    services.use_standard_wording(actor=request.actor, survey=survey)
    messages.success(request, _("The standard wording is back in the draft."))
    return see_other(request, org_url(request.organization, "surveys:edit", pk=survey.pk))


@permission_required("surveys.publish")
@require_POST
def survey_publish(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Freeze the draft and take answers."""
    survey = _survey(pk)
    try:
        version = services.publish_survey(actor=request.actor, survey=survey)
    except DomainError as refused:
        for error in refused.errors[:5]:
            messages.error(request, error["message"])
        return see_other(request, org_url(request.organization, "surveys:edit", pk=survey.pk))
    messages.success(request, _("Version %(n)d is live.") % {"n": version.number})
    return see_other(request, org_url(request.organization, "surveys:detail", pk=survey.pk))


@permission_required("surveys.publish")
@require_POST
def survey_close(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Take no further answers."""
    survey = _survey(pk)
    services.close_survey(actor=request.actor, survey=survey)
    messages.success(request, _("Closed. Publish again to open it."))
    return see_other(request, org_url(request.organization, "surveys:detail", pk=survey.pk))


@permission_required("surveys.edit")
@require_POST
def survey_delete(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Remove a survey that nobody answered."""
    services.delete_survey(actor=request.actor, survey=_survey(pk))
    messages.success(request, _("Survey removed."))
    return see_other(request, org_url(request.organization, "surveys:list"))


@permission_required("surveys.view")
def survey_qr(request: MemberRequest, pk: UUID) -> HttpResponse:
    """The open link as a QR code, for posters and receipts."""
    survey = _survey(pk)
    buffer = BytesIO()
    segno.make(f"{_open_url(request, survey)}?c=qr", error="m").save(
        buffer, kind="svg", scale=6, border=2, light="#fff", xmldecl=False, svgclass=None, lineclass=None
    )
    response = HttpResponse(buffer.getvalue(), content_type="image/svg+xml")
    if request.GET.get("download"):
        response["Content-Disposition"] = f'attachment; filename="{survey.slug}.svg"'
    return response


def _created(request: MemberRequest, values: dict[str, Any]) -> Survey:
    """The draft that the form describes. What a template settles (relationship, audience) is not asked."""
    template = values.pop("template")
    if not template:
        return services.create_survey(actor=request.actor, **values)
    anonymous = {"anonymous": True} if values["anonymous"] else {}
    return services.create_from_template(
        actor=request.actor,
        template=template,
        name=values["name"],
        touchpoint=values["touchpoint"],
        languages=values["languages"],
        **anonymous,
    )


def _survey(pk: UUID) -> Survey:
    survey = queries.surveys().filter(pk=pk).first()
    if survey is None:
        raise Http404
    return survey


def _open_url(request: MemberRequest, survey: Survey) -> str:
    return settings.BASE_URL + reverse("open_survey", args=[request.organization.slug, survey.slug])
