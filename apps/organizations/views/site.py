"""Pages outside of any organisation: founding one, accepting an invitation, the logo."""

import mimetypes

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from apps.accounts.clients import client_ip
from apps.accounts.queries import emails_of
from apps.organizations import forms, queries, roles, services
from apps.organizations.services.members import read_invitation
from cxm.actor import Actor
from cxm.web.forms import domain_errors_into
from cxm.web.http import SignedInRequest
from cxm.web.urls import org_url
from cxm.web.views import public_view, render_page, see_other, signed_in_view

#: The first page of an organisation for one's role.
ENTER = "console:enter"


@signed_in_view
def found(request: SignedInRequest) -> HttpResponse:
    """Found an organisation and become its owner."""
    form = forms.FoundingForm(**forms.posted(request))
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            actor = Actor(kind="user", id=request.user.pk, name=str(request.user), ip=client_ip(request))
            organization = services.create_organization(actor=actor, owner=request.user, **form.cleaned_data)
            messages.success(request, _("“%(name)s” is founded.") % {"name": organization.name})
            return see_other(request, org_url(organization, ENTER))
    return render_page(request, "organizations/found.html", {"form": form})


@never_cache
@public_view
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """An invitation link: sign in or sign up with the invited address, then accept.

    Whether that address has an account is not told: both ways are offered.
    """
    seen = read_invitation(token)
    if seen is None:
        return render_page(request, "organizations/invitation_gone.html", status=404)
    context = {
        "organization": seen.organization,
        "invitation": seen.invitation,
        "role": roles.ROLE_LABELS[seen.invitation.role],
        "fits": request.user.is_authenticated and seen.invitation.email in emails_of(request.user),
    }
    if not request.user.is_authenticated:
        get_adapter().stash_verified_email(request, seen.invitation.email)
    elif request.method == "POST":
        services.accept_invitation(user=request.user, token=token, ip=client_ip(request))
        messages.success(request, _("Welcome to %(name)s.") % {"name": seen.organization.name})
        return see_other(request, org_url(seen.organization, ENTER))
    return render_page(request, "organizations/invitation.html", context)


@public_view
def logo(request: HttpRequest, slug: str) -> FileResponse:
    """The organisation's logo: our own re-encoded PNG, never the bytes that were uploaded."""
    organization = queries.organization_by_slug(slug)
    if organization is None or not organization.logo or not default_storage.exists(organization.logo):
        raise Http404
    kind = mimetypes.guess_type(organization.logo)[0] or "application/octet-stream"
    response = FileResponse(default_storage.open(organization.logo), content_type=kind)
    response["Cache-Control"] = "public, max-age=86400"
    response["X-Content-Type-Options"] = "nosniff"
    return response
