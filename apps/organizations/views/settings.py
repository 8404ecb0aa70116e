"""Settings of the organisation: general, branding, contact rules, scoring, mail, background work, deletion."""

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.organizations import forms, queries, services
from apps.organizations.mail import send_test_mail, server_description
from cxm.ids import parse_uuid
from cxm.web.forms import domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other

PAGE = 50


def _settings_page(request: MemberRequest, form: forms.SettingsForm, template: str, here: str) -> HttpResponse:
    """Show a form of settings, or save it and come back to it."""
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            services.update_settings(actor=request.actor, **form.settings())
            messages.success(request, _("Settings saved."))
            return see_other(request, org_url(request.organization, here))
    return render_page(request, template, {"form": form})


@permission_required("organization.settings")
def general(request: MemberRequest) -> HttpResponse:
    """Name, time zone, languages, experience directions."""
    form = forms.GeneralForm(**forms.posted(request), organization=request.organization)
    return _settings_page(request, form, "organizations/general.html", "organizations:general")


@permission_required("organization.settings")
def contact_rules(request: MemberRequest) -> HttpResponse:
    """Contact limits, open hours, consent, anonymity."""
    form = forms.ContactRulesForm(**forms.posted(request), organization=request.organization)
    return _settings_page(request, form, "organizations/contact_rules.html", "organizations:contact_rules")


@permission_required("organization.settings")
def scoring(request: MemberRequest) -> HttpResponse:
    """What counts towards a score."""
    form = forms.ScoringForm(**forms.posted(request), organization=request.organization)
    return _settings_page(request, form, "organizations/scoring.html", "organizations:scoring")


@permission_required("organization.settings")
def branding(request: MemberRequest) -> HttpResponse:
    """Logo and accent colour."""
    form = forms.BrandingForm(**forms.posted(request), organization=request.organization)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form), transaction.atomic():
            services.update_settings(actor=request.actor, accent=form.cleaned_data["accent"])
            if form.cleaned_data["logo"]:
                services.set_logo(actor=request.actor, content=form.cleaned_data["logo"].read())
            elif form.cleaned_data.get("remove_logo"):
                services.remove_logo(actor=request.actor)
            messages.success(request, _("Settings saved."))
            return see_other(request, org_url(request.organization, "organizations:branding"))
    return render_page(request, "organizations/branding.html", {"form": form})


@transaction.non_atomic_requests
@permission_required("organization.settings")
def mail(request: MemberRequest) -> HttpResponse:
    """Where mail goes, and a test mail to oneself with the server's own answer.

    Outside of a transaction: a mail server that is slow to answer holds no row.
    """
    request.actor.require_everywhere("organization.settings")
    trial = send_test_mail(request.user.email) if request.method == "POST" else None
    context = {"trial": trial, "server": server_description(), "sender": settings.DEFAULT_FROM_EMAIL}
    return render_page(request, "organizations/mail.html", context)


@permission_required("organization.settings")
def background(request: MemberRequest) -> HttpResponse:
    """Work that failed eight times and waits for a person; let one piece or all of it be tried again."""
    request.actor.require_everywhere("organization.settings")
    if request.method == "POST":
        chosen = request.POST.get("event", "")
        event_id = parse_uuid(chosen)
        if event_id is None and chosen != "all":
            raise Http404
        services.redrive_work(actor=request.actor, event_id=event_id)
        messages.success(request, _("It will be tried again now."))
        return see_other(request, org_url(request.organization, "organizations:background"))
    page = Paginator(queries.parked_work(), PAGE).get_page(request.GET.get("page"))
    return render_page(request, "organizations/background.html", {"page": page})


@permission_required("organization.delete")
def delete(request: MemberRequest) -> HttpResponse:
    """End the organisation, after typing its name."""
    form = forms.ConfirmForm(**forms.posted(request))
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            services.delete_organization(actor=request.actor, confirmation=form.cleaned_data["confirm"])
            return HttpResponseRedirect(reverse("home"))
    return render_page(request, "organizations/delete.html", {"form": form})
