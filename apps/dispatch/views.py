"""The pages of sending: whom and when, what became of it, and the built-in mailbox."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.models import User
from apps.dispatch import queries, services
from apps.dispatch.audiences import ONE, SEGMENT
from apps.dispatch.explaining import explanation, rule_name, state_badge, state_name
from apps.dispatch.filters import InvitationFilter
from apps.dispatch.forms import SendForm
from apps.dispatch.links import masked
from apps.dispatch.mailbox import is_mailbox_key, mailbox_key
from apps.dispatch.models import Invitation, InvitationBatch, MailboxMessage, Suppression
from apps.dispatch.notices import read_stop_token
from apps.dispatch.plan_queries import visible_plans
from apps.dispatch.plan_views import plan_lines
from apps.dispatch.previewing import mail_document
from apps.dispatch.rendering import Recipient
from apps.dispatch.sending import compiled_mail, sender_of
from apps.dispatch.suppression import suppress
from apps.organizations.models import Organization
from apps.surveys.models import Survey
from cxm.actor import Actor
from cxm.errors import DomainError, NotAllowed
from cxm.scope import tenant
from cxm.web.forms import add_domain_errors, domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, public_view, render_page, see_other, signed_in_view

PAGE_SIZE = 50


@permission_required("surveys.send")
def send_once(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Ask some customers at once: choose, look at what would happen, then send exactly that many mails."""
    survey = get_object_or_404(Survey.objects.select_related("touchpoint"), pk=pk)
    zone = ZoneInfo(request.organization.timezone)
    initial = _initial(request)
    form = SendForm(request.POST or None, zone=zone, initial=initial)
    context: dict[str, Any] = {"survey": survey, "form": form, "is_live": survey.state == Survey.State.LIVE}
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            audience = form.audience(request.actor, survey)
            wish: dict[str, Any] = {
                "actor": request.actor,
                "survey": survey,
                "customer_ids": audience.customer_ids,
                "most": audience.most,
                "send_at": form.send_time(),
                "ignore_new_customer_wait": form.cleaned_data["ignore_new_customer_wait"],
            }
            expected = request.POST.get("expected", "")
            looked_at = request.POST.get("seen", "") == form.fingerprint()
            if looked_at and expected.isascii() and expected.isdigit() and len(expected) < 7:
                counts = _sent(form, wish, int(expected))
                if counts is not None:
                    messages.success(request, _sent_message(counts.eligible))
                    return see_other(request, f"{_list_url(request, survey)}?batch={counts.batch_id}")
            context["counts"] = services.preview_invitations(**wish)
            context["audience"] = audience
            context["seen"] = form.fingerprint()
            context["rules"] = [(rule_name(rule), number) for rule, number in context["counts"].blocked.items()]
            context["mail"] = _preview_mail(request, survey, form)
    return render_page(request, "dispatch/send.html", context)


def _initial(request: MemberRequest) -> dict[str, str] | None:
    """Whom a link to this page has chosen already."""
    if customer := request.GET.get("customer", ""):
        return {"who": ONE, "customer": customer[:254]}
    if segment := request.GET.get("segment", ""):
        return {"who": SEGMENT, "segment": segment[:40]}
    return None


def _sent(form: SendForm, wish: dict[str, Any], expected: int) -> services.InvitationCounts | None:
    """Send what was confirmed. None, with the reason on the form, when the number is another one by now."""
    try:
        return services.invite_customers(**wish, **form.words(), expected=expected)
    except DomainError as error:
        if isinstance(error, NotAllowed) or error.code != "count_changed":
            raise
        add_domain_errors(form, error)
        return None


def _sent_message(number: int) -> str:
    return ngettext("%(n)d mail is on its way.", "%(n)d mails are on their way.", number) % {"n": number}


def _list_url(request: MemberRequest, survey: Survey) -> str:
    return org_url(request.organization, "dispatch:invitations", pk=survey.pk)


def _preview_mail(request: MemberRequest, survey: Survey, form: SendForm) -> dict[str, Any]:
    """The mail as it would look, without a link that works."""
    language = (survey.languages or ["en"])[0]
    batch = InvitationBatch(survey=survey, subject=form.cleaned_data["subject"], opening=form.cleaned_data["opening"])
    mail = compiled_mail(organization=request.organization, survey=survey, batch=batch, language=language)
    rendered = mail.render(Recipient(link=_sample_link(), name=_("Lena Sample")))
    return {
        "sender": sender_of(request.organization),
        "subject": rendered.subject,
        "text": rendered.text,
        "frame": f"{org_url(request.organization, 'dispatch:mail_preview', pk=survey.pk)}?"
        + urlencode({name: form.cleaned_data[name] for name in ("subject", "opening")}),
    }


def _sample_link() -> str:
    """A link of the right form that belongs to nobody."""
    return f"{settings.BASE_URL}/r/sample/"


@permission_required("surveys.send")
@require_safe
def mail_preview(request: MemberRequest, pk: UUID) -> HttpResponse:
    """The HTML of the mail, for the frame of the sending page: `?subject=&opening=&language=`."""
    survey = get_object_or_404(Survey.objects.select_related("touchpoint"), pk=pk, state=Survey.State.LIVE)
    languages = survey.languages or ["en"]
    language = request.GET.get("language", "")
    batch = InvitationBatch(
        survey=survey, subject=request.GET.get("subject", "")[:200], opening=request.GET.get("opening", "")[:1000]
    )
    mail = compiled_mail(
        organization=request.organization,
        survey=survey,
        batch=batch,
        language=language if language in languages else languages[0],
    )
    return mail_document(mail.render(Recipient(link=_sample_link(), name=_("Lena Sample"))).html)


@permission_required("surveys.view")
def invitations(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Who was asked, who was not and why; how the newest sending is getting on."""
    survey = get_object_or_404(Survey, pk=pk)
    visible = queries.visible_invitations(request.actor, survey)
    found = InvitationFilter(request.GET or None, queryset=visible, request=request)
    rows = found.qs if not found.is_bound or found.form.is_valid() else visible.none()
    page = Paginator(rows.order_by("-created_at", "-id"), PAGE_SIZE).get_page(request.GET.get("page"))
    zone = ZoneInfo(request.organization.timezone)
    states = queries.state_counts(visible)
    batch = found.form.cleaned_data.get("batch") if found.is_bound and found.form.is_valid() else None
    context = {
        "survey": survey,
        "filter": found,
        "page": page,
        "rows": [
            (row, (state_name(row.shown_state), state_badge(row.shown_state)), explanation(row, zone))
            for row in page.object_list
        ],
        "progress": progress(visible.filter(batch=batch) if batch else visible),
        "reasons": [(rule, rule_name(rule), number) for rule, number in queries.reason_counts(visible)],
        "failed": states.get(Invitation.State.FAILED, 0),
        "scanners": queries.suspected_scanner_hits(survey),
        "batches": queries.batches_of(survey)[:10],
        "plans": plan_lines(list(visible_plans(request.actor).filter(survey=survey).order_by("-created_at")[:10])),
    }
    return render_page(request, "dispatch/invitations.html", context, partial="progress")


def progress(rows: Any) -> dict[str, Any]:
    """How far a sending is: numbers by state, and whether it is still going on. One query."""
    states = queries.state_counts(rows)
    by = Invitation.State
    gone = sum(states.get(state, 0) for state in (by.SENT, by.COMPLETED, by.BOUNCED, by.FAILED))
    waiting = states.get(by.QUEUED, 0)
    return {
        "asked": gone + waiting,
        "gone": gone,
        "waiting": waiting,
        "running": waiting > 0,
        "answered": states.get(by.COMPLETED, 0),
        "bounced": states.get(by.BOUNCED, 0),
        "failed": states.get(by.FAILED, 0),
        "blocked": states.get(by.BLOCKED, 0),
        "cancelled": states.get(by.CANCELLED, 0),
    }


@permission_required("surveys.send")
@require_POST
def cancel(request: MemberRequest, pk: UUID, batch: UUID) -> HttpResponse:
    """Take back what has not been sent of one sending."""
    sending = get_object_or_404(InvitationBatch, pk=batch, survey_id=pk)
    number = services.cancel_batch(actor=request.actor, batch=sending)
    messages.success(
        request, ngettext("%(n)d mail was taken back.", "%(n)d mails were taken back.", number) % {"n": number}
    )
    return see_other(request, org_url(request.organization, "dispatch:invitations", pk=pk))


@permission_required("surveys.send")
@require_POST
def retry(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Queue again what could not be sent."""
    survey = get_object_or_404(Survey, pk=pk)
    number = services.retry_failed(actor=request.actor, survey=survey)
    messages.success(
        request, ngettext("%(n)d mail is tried again.", "%(n)d mails are tried again.", number) % {"n": number}
    )
    return see_other(request, org_url(request.organization, "dispatch:invitations", pk=pk))


@permission_required("organization.settings")
@require_safe
def mailbox(request: MemberRequest) -> HttpResponse:
    """The mails of the organisation that no mail server took, because there is none."""
    rows = MailboxMessage.objects.filter(organization=request.organization).order_by("-created_at", "-id")
    page = Paginator(rows.defer("html", "text"), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"page": page, "has_server": settings.EMAIL_URL_IS_SET}
    return render_page(request, "dispatch/mailbox.html", context)


@permission_required("organization.settings")
@require_safe
def mailbox_message(request: MemberRequest, pk: UUID) -> HttpResponse:
    """One mail: its headers, the HTML in a frame of its own, and the text."""
    message = get_object_or_404(MailboxMessage, pk=pk, organization=request.organization)
    frame = org_url(request.organization, "dispatch:mailbox_html", pk=pk) if message.html else ""
    return render_page(request, "dispatch/mailbox_message.html", {"mail": message, "frame": frame})


@permission_required("organization.settings")
@require_safe
def mailbox_html(request: MemberRequest, pk: UUID) -> HttpResponse:
    """The HTML of a mail, for its frame."""
    message = get_object_or_404(MailboxMessage, pk=pk, organization=request.organization)
    return mail_document(message.html)


@signed_in_view
@require_safe
def account_mailbox_door(request: MemberRequest) -> HttpResponse:
    """Platform staff find the mailbox of account mails here; for everybody else there is no such page."""
    if settings.EMAIL_URL_IS_SET or not request.user.is_staff:
        raise Http404
    return see_other(request, f"/mailbox/{mailbox_key()}/")


@public_view
@require_safe
def account_mailbox(request: MemberRequest, key: str) -> HttpResponse:
    """Mails about accounts (codes, resets), for who knows the key that `manage.py mailbox` prints on the machine."""
    _require_key(key)
    rows = MailboxMessage.objects.filter(organization=None).order_by("-created_at", "-id").defer("html", "text")
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    return _private(render_page(request, "dispatch/account_mailbox.html", {"page": page, "key": key}))


@public_view
@require_safe
def account_mailbox_message(request: MemberRequest, key: str, pk: UUID) -> HttpResponse:
    """One mail about an account."""
    _require_key(key)
    message = get_object_or_404(MailboxMessage, pk=pk, organization=None)
    frame = f"/mailbox/{key}/{pk}/html/" if message.html else ""
    context = {"mail": message, "frame": frame, "key": key}
    return _private(render_page(request, "dispatch/account_mailbox_message.html", context))


@public_view
@require_safe
def account_mailbox_html(request: MemberRequest, key: str, pk: UUID) -> HttpResponse:
    """The HTML of a mail about an account, for its frame."""
    _require_key(key)
    return _private(mail_document(get_object_or_404(MailboxMessage, pk=pk, organization=None).html))


def _require_key(key: str) -> None:
    """With a mail server there is no such page; with another key neither."""
    if settings.EMAIL_URL_IS_SET or not is_mailbox_key(key):
        raise Http404


def _private(response: HttpResponse) -> HttpResponse:
    """The address holds a key: it is told to nobody."""
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


@public_view
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def stop_notices(request: MemberRequest, token: str) -> HttpResponse:
    """End an organisation's notices to one person. A GET shows one button; a POST, also a mail program's, is the end.

    No cookie, no sign-in and no redirect: RFC 8058 wants one request and a 200.
    """
    subject = read_stop_token(token)
    person = User.objects.filter(pk=subject.row_id).first() if subject else None
    if subject is None or person is None:
        raise Http404
    stopped = request.method == "POST"
    with tenant(subject.organization_id):
        if not Organization.objects.filter(pk=subject.organization_id).exists():
            raise Http404
        if stopped:
            suppress(
                actor=Actor.respondent(getattr(request, "client_ip", None)),
                email=person.email,
                reason=Suppression.Reason.UNSUBSCRIBED,
            )
    return _private(
        render_page(request, "dispatch/stop_notices.html", {"stopped": stopped, "address": masked(person.email)})
    )
