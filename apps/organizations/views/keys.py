"""API keys and public write keys."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.organizations import forms, queries, services
from apps.organizations.models import ApiKey
from cxm.web.forms import domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other


@permission_required("keys.manage")
def key_list(request: MemberRequest) -> HttpResponse:
    """Every key, what it may do and when it was last used."""
    request.actor.require_everywhere("keys.manage")
    rows = [(key, queries.is_alive(key)) for key in queries.all_keys()]
    return render_page(request, "organizations/keys.html", {"rows": rows})


@permission_required("keys.manage")
def key_create(request: MemberRequest) -> HttpResponse:
    """Make a key; its text is in this one answer and nowhere else."""
    request.actor.require_everywhere("keys.manage")
    form = forms.KeyForm(**forms.posted(request), actor=request.actor)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            key, token = services.create_api_key(actor=request.actor, **form.key())
            return _shown_once(request, key, token)
    return render_page(request, "organizations/key_form.html", {"form": form})


@permission_required("keys.manage")
@require_POST
def key_rotate(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Make a successor; both work until the former is revoked or seven days are over."""
    key, token = services.rotate_api_key(actor=request.actor, key=get_object_or_404(ApiKey, pk=pk))
    return _shown_once(request, key, token)


@permission_required("keys.manage")
@require_POST
def key_revoke(request: MemberRequest, pk: UUID) -> HttpResponse:
    """End a key at once."""
    key = services.revoke_api_key(actor=request.actor, key=get_object_or_404(ApiKey, pk=pk))
    messages.success(request, _("“%(name)s” no longer works.") % {"name": key.name})
    return see_other(request, org_url(request.organization, "organizations:keys"))


def _shown_once(request: MemberRequest, key: ApiKey, token: str) -> HttpResponse:
    return render_page(request, "organizations/key_created.html", {"key": key, "token": token})
