"""A person's own pages under ``/me/``, whatever organisation they work in."""

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.accounts import queries, services
from apps.accounts.clients import device_name
from apps.accounts.forms import ProfileForm
from cxm.web.forms import domain_errors_into
from cxm.web.http import SignedInRequest
from cxm.web.views import render_page, see_other, signed_in_view


@signed_in_view
def profile(request: SignedInRequest) -> HttpResponse:
    """Name, language, time zone, colours, shortcuts."""
    form = ProfileForm(request.POST if request.method == "POST" else None, user=request.user)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            services.update_preferences(user=request.user, **form.cleaned_data)
            messages.success(request, _("Your profile is saved."))
            return see_other(request, reverse("profile"))
    return render_page(request, "accounts/profile.html", {"form": form})


@signed_in_view
def security(request: SignedInRequest) -> HttpResponse:
    """Password, passkeys, authenticator app, recovery codes, and where one is signed in."""
    context = {
        "passkeys": queries.passkeys_of(request.user),
        "has_totp": is_mfa_enabled(request.user, [Authenticator.Type.TOTP]),
        "has_second_factor": is_mfa_enabled(request.user),
        "sessions": [(row, device_name(row.user_agent) or row.user_agent) for row in queries.sessions_of(request.user)],
        "current": request.session.session_key,
    }
    return render_page(request, "accounts/security.html", context)


@signed_in_view
@require_POST
def end_session(request: SignedInRequest, pk: int) -> HttpResponse:
    """Sign out one device."""
    session = get_object_or_404(queries.tracked_sessions(request.user), pk=pk)
    services.end_session(user=request.user, session=session)
    messages.success(request, _("That device is signed out."))
    return see_other(request, reverse("security"))


@signed_in_view
@require_POST
def end_other_sessions(request: SignedInRequest) -> HttpResponse:
    """Sign out every device but this one."""
    services.end_other_sessions(user=request.user, keep=request.session.session_key or "")
    messages.success(request, _("All other devices are signed out."))
    return see_other(request, reverse("security"))
