"""The pages of the suppression list."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from apps.dispatch import queries
from apps.dispatch.forms import LiftForm, SuppressionForm
from apps.dispatch.holding import record_list_taken
from apps.dispatch.models import Suppression
from apps.dispatch.suppression import (
    SAID_BY_PERSON,
    AddedList,
    add_suppressions,
    addresses_in,
    lift_suppression,
)
from cxm.spreadsheets import csv_lines
from cxm.web.forms import domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other

PAGE_SIZE = 50
COLUMNS = ("email", "customer", "reason", "note", "at", "phone")


@permission_required("surveys.send")
def suppression_list(request: MemberRequest) -> HttpResponse:
    """Who must not be mailed; add one address or a list by hand."""
    form = SuppressionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            outcome = add_suppressions(
                actor=request.actor, emails=addresses_in(form.cleaned_data["email"]), note=form.cleaned_data["note"]
            )
            if not outcome.refused or outcome.added or outcome.known:
                messages.success(request, _told(outcome))
                return see_other(request, org_url(request.organization, "dispatch:suppressions"))
            form.add_error("email", _("Enter full e-mail addresses, for example lena@example.com."))
    text = request.GET.get("q", "")[:254].replace("\x00", "")
    reason = request.GET.get("reason", "")
    reason = reason if reason in Suppression.Reason.values else ""
    page = Paginator(queries.suppressions(text, reason), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"form": form, "page": page, "q": text, "reason": reason, "reasons": Suppression.Reason.choices}
    return render_page(request, "dispatch/suppressions.html", context)


def _told(outcome: AddedList) -> str:
    """What became of a list, in a sentence."""
    parts = [
        ngettext("%(n)d address is never mailed again.", "%(n)d addresses are never mailed again.", outcome.added)
        % {"n": outcome.added}
    ]
    if outcome.known:
        parts.append(
            ngettext("%(n)d was on the list already.", "%(n)d were on the list already.", outcome.known)
            % {"n": outcome.known}
        )
    if outcome.refused:
        number = len(outcome.refused)
        words = ngettext("%(n)d is no e-mail address: %(list)s", "%(n)d are no e-mail addresses: %(list)s", number)
        parts.append(words % {"n": number, "list": ", ".join(text for _place, text in outcome.refused[:5])})
    return " ".join(parts)


@permission_required("organization.settings")
def suppression_lift(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Take somebody off the list, saying why."""
    suppression = get_object_or_404(Suppression.objects.in_force().select_related("customer"), pk=pk)
    form = LiftForm(request.POST or None, own_word=suppression.reason in SAID_BY_PERSON)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            lift_suppression(actor=request.actor, suppression=suppression, **form.cleaned_data)
            messages.success(request, _("This person may be mailed again."))
            return see_other(request, org_url(request.organization, "dispatch:suppressions"))
    return render_page(request, "dispatch/suppression_lift.html", {"form": form, "suppression": suppression})


@permission_required("surveys.send")
@require_safe
def suppression_export(request: MemberRequest) -> StreamingHttpResponse:
    """The list as CSV, for the mail programs of others. Of erased people there is no address to give."""
    record_list_taken(actor=request.actor)
    rows = queries.suppressions().filter(digest="")
    return StreamingHttpResponse(
        csv_lines(chain([COLUMNS], _cells(rows))),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{request.organization.slug}-suppressions.csv"'},
    )


def _cells(rows: QuerySet[Suppression]) -> Iterator[tuple[object, ...]]:
    for row in rows.iterator(chunk_size=1000):
        yield (row.email, row.customer and row.customer.external_id, row.reason, row.note, row.at, row.phone)
