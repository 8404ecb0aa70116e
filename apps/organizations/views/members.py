"""Members, their roles, and the invitations that are open."""

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.organizations import forms, queries, roles, rules, services
from apps.organizations.filters import MemberFilter
from apps.organizations.models import RoleGrant
from cxm.web.forms import domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other

PAGE = 50


@permission_required("members.view")
def member_list(request: MemberRequest) -> HttpResponse:
    """Everybody who belongs here, and who is invited."""
    found = MemberFilter(request.GET, queryset=queries.members(request.actor).order_by("user__name", "user__email"))
    page = Paginator(found.qs, PAGE).get_page(request.GET.get("page"))
    grants = queries.grants_of([member.user_id for member in page.object_list])
    context = {
        "filter": found,
        "page": page,
        "rows": [(member, grants[member.user_id]) for member in page.object_list],
        "invitations": queries.open_invitations(request.actor)[:PAGE],
        "may_manage": request.actor.can("members.manage"),
    }
    return render_page(request, "organizations/members.html", context, partial="list")


@permission_required("members.manage")
def invite(request: MemberRequest) -> HttpResponse:
    """Invite one colleague."""
    form = forms.InviteForm(**forms.posted(request), actor=request.actor, tree=queries.unit_tree())
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            invitation = services.invite_colleague(actor=request.actor, **form.cleaned_data)
            messages.success(request, _("An invitation is on its way to %(email)s.") % {"email": invitation.email})
            return see_other(request, org_url(request.organization, "organizations:members"))
    return render_page(request, "organizations/invite.html", {"form": form})


@permission_required("members.manage")
def import_colleagues(request: MemberRequest) -> HttpResponse:
    """Invite everybody in a CSV file; rows that cannot be taken are shown with their reason."""
    form = forms.FileForm(**forms.posted(request))
    outcome = None
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            outcome = services.import_colleagues(actor=request.actor, content=form.cleaned_data["file"].read())
    context = {"form": form, "outcome": outcome, "roles": roles.ROLE_LABELS}
    return render_page(request, "organizations/import_colleagues.html", context)


@permission_required("members.manage")
@require_POST
def resend_invitation(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Send an invitation again."""
    invitation = get_object_or_404(queries.open_invitations(request.actor), pk=pk)
    services.resend_invitation(actor=request.actor, invitation=invitation)
    messages.success(request, _("The invitation is on its way again."))
    return see_other(request, org_url(request.organization, "organizations:members"))


@permission_required("members.manage")
@require_POST
def revoke_invitation(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Take an invitation back."""
    invitation = get_object_or_404(queries.open_invitations(request.actor), pk=pk)
    services.revoke_invitation(actor=request.actor, invitation=invitation)
    messages.success(request, _("The invitation is withdrawn."))
    return see_other(request, org_url(request.organization, "organizations:members"))


@permission_required("members.view")
def member_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    """One member and their roles; with the right to, add a role here."""
    member = get_object_or_404(queries.members(request.actor), pk=pk)
    may_manage = request.actor.can("members.manage") and member.is_active
    form = None
    if may_manage:
        form = forms.RoleForm(**forms.posted(request), actor=request.actor, tree=queries.unit_tree())
        if request.method == "POST" and form.is_valid():
            with domain_errors_into(form):
                services.grant_role(actor=request.actor, member=member, **form.cleaned_data)
                messages.success(request, _("The role is given."))
                return see_other(request, org_url(request.organization, "organizations:member", pk=member.pk))
    held = queries.grants_of([member.user_id])[member.user_id]
    context = {
        "member": member,
        "grants": [(grant, may_manage and _may_take(request, grant, held)) for grant in held],
        "form": form,
        "may_deactivate": may_manage and all(rules.may_grant(request.actor, g.role, g.unit_id) for g in held),
    }
    return render_page(request, "organizations/member.html", context)


@permission_required("members.manage")
@require_POST
def revoke_role(request: MemberRequest, pk: UUID, grant: UUID) -> HttpResponse:
    """Take one role from a member."""
    member = get_object_or_404(queries.members(request.actor), pk=pk)
    held = get_object_or_404(RoleGrant, pk=grant, user_id=member.user_id)
    services.revoke_role(actor=request.actor, grant=held)
    messages.success(request, _("The role is taken back."))
    return see_other(request, org_url(request.organization, "organizations:member", pk=member.pk))


@permission_required("members.manage")
def deactivate(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Ask, then end a member's access."""
    member = get_object_or_404(queries.members(request.actor).filter(is_active=True), pk=pk)
    form = forms.ConfirmForm(**forms.posted(request))
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            services.deactivate_member(actor=request.actor, member=member)
            messages.success(request, _("%(name)s no longer has access.") % {"name": member.user})
            return see_other(request, org_url(request.organization, "organizations:members"))
    keys = queries.alive_keys().filter(created_by_id=member.user_id).count()
    return render_page(request, "organizations/deactivate.html", {"member": member, "keys": keys, "form": form})


@permission_required("organization.view")
def leave(request: MemberRequest) -> HttpResponse:
    """Ask, then leave the organisation."""
    form = forms.ConfirmForm(**forms.posted(request))
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            services.leave_organization(actor=request.actor, user=request.user)
            messages.success(request, _("You have left %(name)s.") % {"name": request.organization.name})
            return HttpResponseRedirect(reverse("home"))
    return render_page(request, "organizations/leave.html", {"form": form})


@permission_required("organization.view")
def role_matrix(request: MemberRequest) -> HttpResponse:
    """The written matrix: who may do what."""
    context = {
        "roles": [(role, roles.ROLE_LABELS[role], roles.ROLE_DESCRIPTIONS[role]) for role in roles.ROLES],
        "matrix": roles.MATRIX.items(),
    }
    return render_page(request, "organizations/roles.html", context)


def _may_take(request: MemberRequest, grant: RoleGrant, held: list[RoleGrant]) -> bool:
    return len(held) > 1 and rules.may_grant(request.actor, grant.role, grant.unit_id)
