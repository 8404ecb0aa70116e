"""Pages of the settings of providers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.messaging import services
from apps.messaging.addresses import HOOK_USER, hook_password, hook_url
from apps.messaging.backends import BACKENDS, INBOUND_ADDRESS, LOCAL, Backend
from apps.messaging.credentials import credentials_of
from apps.messaging.forms import BackendForm, ProviderForm, ReplyForm, TrialForm, label_of
from apps.messaging.models import DeliveryReport, LocalMessage, Provider
from apps.messaging.trial import send_trial
from cxm.errors import DomainError
from cxm.secrets import SecretUnreadable
from cxm.web.forms import add_domain_errors, domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other

_PAGE = 50
_RECENT = 20


@permission_required(services.PERMISSION)
def provider_list(request: MemberRequest) -> HttpResponse:
    """Every provider, which of them are in use, and when they last reported."""
    request.actor.require_everywhere(services.PERMISSION)
    rows = [
        (provider, backend.name if backend else provider.backend)
        for provider in Provider.objects.order_by("kind", "-is_active", "name", "pk")
        for backend in [BACKENDS.get(provider.backend)]
    ]
    return render_page(request, "messaging/providers.html", {"rows": rows})


@permission_required(services.PERMISSION)
def provider_add(request: MemberRequest) -> HttpResponse:
    """Choose a provider, then give its account."""
    request.actor.require_everywhere(services.PERMISSION)
    backend = BACKENDS.get(request.GET.get("backend", ""))
    if backend is None:
        return render_page(request, "messaging/provider_choose.html", {"form": BackendForm()})
    form = ProviderForm(**_posted(request), backend=backend, shown={})
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            provider = services.add_provider(actor=request.actor, backend=backend.key, **form.values())
            messages.success(request, _("“%(name)s” was added. Try it out, then switch it on.") % {"name": provider})
            return see_other(request, org_url(request.organization, "messaging:provider", pk=provider.pk))
    context = {"form": form, "backend": backend, "label": label_of(backend)}
    return render_page(request, "messaging/provider_form.html", context)


@permission_required(services.PERMISSION)
def provider_edit(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Change name, sender, limits or keys."""
    request.actor.require_everywhere(services.PERMISSION)
    provider = get_object_or_404(Provider, pk=pk)
    backend = _backend_or_404(provider)
    form = ProviderForm(**_posted(request), backend=backend, provider=provider, shown=_shown(provider, backend))
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            services.change_provider(actor=request.actor, provider=provider, **form.values())
            messages.success(request, _("Settings saved."))
            return see_other(request, org_url(request.organization, "messaging:provider", pk=provider.pk))
    context = {"form": form, "backend": backend, "provider": provider, "label": label_of(backend)}
    return render_page(request, "messaging/provider_form.html", context)


@permission_required(services.PERMISSION)
def provider_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    """How to set it up there, its last reports, and the switches."""
    request.actor.require_everywhere(services.PERMISSION)
    provider = get_object_or_404(Provider, pk=pk)
    return _detail(request, provider, TrialForm(), None)


@transaction.non_atomic_requests
@permission_required(services.PERMISSION)
@require_POST
def provider_try(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Send one message to oneself. Outside of a transaction: a provider that is slow to answer holds no row."""
    request.actor.require_everywhere(services.PERMISSION)
    provider = get_object_or_404(Provider, pk=pk)
    _backend_or_404(provider)
    form = TrialForm(data=request.POST)
    to = request.user.email
    if provider.kind == Provider.Kind.SMS:
        if not form.is_valid():
            return _detail(request, provider, form, None)
        to = form.cleaned_data["to"]
    try:
        trial = send_trial(provider, to=to, organization=request.organization.name)
    except DomainError as error:
        add_domain_errors(form, error)
        return _detail(request, provider, form, None)
    return _detail(request, provider, TrialForm(), trial)


@permission_required(services.PERMISSION)
@require_POST
def provider_switch(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Switch a provider on or off."""
    provider = get_object_or_404(Provider, pk=pk)
    if request.POST.get("on"):
        _backend_or_404(provider)
        services.activate_provider(actor=request.actor, provider=provider)
        messages.success(request, _("Messages leave through “%(name)s” from now on.") % {"name": provider.name})
    else:
        services.deactivate_provider(actor=request.actor, provider=provider)
        messages.success(request, _("Nothing more is sent through “%(name)s”.") % {"name": provider.name})
    return see_other(request, org_url(request.organization, "messaging:provider", pk=provider.pk))


@permission_required(services.PERMISSION)
def provider_delete(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Ask, then delete."""
    request.actor.require_everywhere(services.PERMISSION)
    provider = get_object_or_404(Provider, pk=pk)
    if request.method == "POST":
        services.delete_provider(actor=request.actor, provider=provider)
        messages.success(request, _("“%(name)s” was deleted.") % {"name": provider.name})
        return see_other(request, org_url(request.organization, "messaging:providers"))
    return render_page(request, "messaging/provider_delete.html", {"provider": provider})


@permission_required(services.PERMISSION)
def local_messages(request: MemberRequest, pk: UUID) -> HttpResponse:
    """What the local provider kept, newest first, each with a field to answer."""
    request.actor.require_everywhere(services.PERMISSION)
    provider = get_object_or_404(Provider, pk=pk, backend=LOCAL)
    return _local_page(request, provider, None, ReplyForm())


@permission_required(services.PERMISSION)
@require_POST
def local_reply(request: MemberRequest, pk: UUID, message_id: UUID) -> HttpResponse:
    """Answer as the person with that number would."""
    request.actor.require_everywhere(services.PERMISSION)
    provider = get_object_or_404(Provider, pk=pk, backend=LOCAL)
    message = get_object_or_404(
        LocalMessage.objects.select_related("provider"), pk=message_id, provider=provider, incoming=False
    )
    form = ReplyForm(data=request.POST)
    if form.is_valid():
        with domain_errors_into(form):
            services.reply_locally(actor=request.actor, message=message, text=form.cleaned_data["text"])
            messages.success(request, _("The answer came in."))
            return see_other(request, org_url(request.organization, "messaging:local_messages", pk=provider.pk))
    return _local_page(request, provider, message, form)


def _local_page(
    request: MemberRequest, provider: Provider, answered: LocalMessage | None, form: ReplyForm
) -> HttpResponse:
    rows = LocalMessage.objects.filter(provider=provider).order_by("-created_at", "-pk")
    page = Paginator(rows, _PAGE).get_page(request.GET.get("page"))
    context = {"provider": provider, "page": page, "answered": answered, "form": form}
    return render_page(request, "messaging/local_messages.html", context)


def _detail(request: MemberRequest, provider: Provider, form: TrialForm, trial: Any) -> HttpResponse:
    backend = BACKENDS.get(provider.backend)
    shown = _shown(provider, backend) if backend else {}
    with_password = bool(backend and backend.anymail and not backend.signed_with)
    replies_with_password = bool(backend and backend.anymail and not backend.replies_signed_with)
    context = {
        "provider": provider,
        "backend": backend,
        "label": label_of(backend) if backend else provider.backend,
        "shown": [
            (credential.label, dict(credential.choices).get(shown[credential.name], shown[credential.name]))
            for credential in (backend.credentials if backend else ())
            if credential.name in shown
        ],
        "reports": DeliveryReport.objects.filter(provider=provider).order_by("-received_at", "-pk")[:_RECENT],
        "hook": hook_url(provider, with_password=with_password),
        "reply_hook": hook_url(provider, replies=True, with_password=replies_with_password)
        if backend and backend.hears_replies
        else "",
        "password": hook_password(provider) if with_password or replies_with_password else "",
        "hook_user": HOOK_USER,
        "inbound": shown.get(INBOUND_ADDRESS, ""),
        "form": form,
        "trial": trial,
        "is_mail": provider.kind == Provider.Kind.EMAIL,
    }
    return render_page(request, "messaging/provider.html", context)


def _shown(provider: Provider, backend: Backend) -> dict[str, str]:
    """The credentials that are no secrets."""
    try:
        stored = credentials_of(provider)
    except SecretUnreadable:
        return {}
    return {
        credential.name: stored[credential.name]
        for credential in backend.credentials
        if not credential.secret and credential.name in stored
    }


def _backend_or_404(provider: Provider) -> Backend:
    """What the row speaks; one that this installation does not know any more can only be deleted."""
    backend = BACKENDS.get(provider.backend)
    if backend is None:
        raise Http404
    return backend


def _posted(request: HttpRequest) -> dict[str, Any]:
    return {"data": request.POST} if request.method == "POST" else {}
