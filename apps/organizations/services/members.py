"""Colleagues: inviting, joining, roles, leaving.

Two rules stand above everything here: nobody gives or takes more than they have, and an organisation always keeps an
owner. Whoever leaves or loses a role takes along the keys and invitations that role had made possible.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import cast
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.queries import emails_of
from apps.accounts.services import mark_email_proven
from apps.audit.services import record
from apps.organizations import queries, roles, rules
from apps.organizations.csv_files import RowError, read_rows
from apps.organizations.models import ColleagueInvitation, Membership, Organization, RoleGrant, Unit
from apps.organizations.preferences import clean_text
from apps.outbox.services import emit
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, NotFound
from cxm.scope import current_tenant_id, tenant
from cxm.tokens import make_token, read_token

INVITATION_DAYS = 14
TOKEN_PURPOSE = "colleague-invitation"  # noqa: S105

#: Open invitations an organisation may have at once; more is somebody using us to send mail.
MOST_OPEN_INVITATIONS = 5000
MOST_ROWS = 1000


@dataclass(frozen=True)
class ImportOutcome:
    """What became of a file: how many rows were taken, and why the others were not."""

    accepted: int
    errors: tuple[RowError, ...]


@dataclass(frozen=True)
class InvitationView:
    """What the holder of a valid link may know."""

    invitation: ColleagueInvitation
    organization: Organization


@transaction.atomic
def invite_colleague(*, actor: Actor, email: str, role: str, unit: Unit | None = None) -> ColleagueInvitation:
    """Invite somebody by e-mail; the mail goes out by itself. Inviting the same address again renews the invitation.

    Whether the address has an account here makes no difference to what happens or is answered.

    Raises DomainError for a malformed address, an unknown role or a member of this organisation, NotAllowed for a
    role beyond the actor's own.
    """
    actor.require("members.manage", unit.pk if unit else None)
    rules.require_may_grant(actor, role, unit.pk if unit else None)
    email = clean_email(email)
    _lock_organization()
    if Membership.objects.filter(organization_id=current_tenant_id(), user__email=email, is_active=True).exists():
        raise Conflict(_("%(email)s is a member already. Change the role instead.") % {"email": email}, field="email")
    still_open = queries.open_invitations()
    invitation = still_open.filter(email=email).first()
    if invitation is None:
        if still_open.count() >= MOST_OPEN_INVITATIONS:
            raise Conflict(_("Too many invitations are waiting. Revoke some first."))
        invitation = ColleagueInvitation(email=email)
    elif not rules.may_grant(actor, invitation.role, invitation.unit_id):
        raise Conflict(_("%(email)s is invited to a role you cannot change.") % {"email": email}, field="email")
    invitation.role = role
    invitation.unit = unit
    invitation.invited_by_id = actor.user_id
    invitation.expires_at = timezone.now() + timedelta(days=INVITATION_DAYS)
    invitation.save()
    record(actor=actor, action="organizations.colleague_invited", target=invitation, fields=["email", "role", "unit"])
    emit("organizations.colleague_invited", {"invitation": str(invitation.pk)})
    return invitation


def import_colleagues(*, actor: Actor, content: bytes) -> ImportOutcome:
    """Invite everybody in a CSV file with the columns ``email,role,unit``.

    ``role`` is a role's name (employee when empty), ``unit`` a unit's code or empty. Good rows are taken, the others
    are returned with line number, field and reason. Raises DomainError when the file as a whole cannot be read.
    """
    actor.require("members.manage")
    rows = read_rows(content, required=("email",), optional=("role", "unit"), most=MOST_ROWS)
    units = {unit.code: unit for unit in Unit.objects.all()}
    errors: list[RowError] = []
    for row in rows:
        code = row.values.get("unit", "")
        if code and code not in units:
            errors.append(RowError(row.line, "unit", _("There is no unit with the code “%(code)s”.") % {"code": code}))
            continue
        try:
            invite_colleague(
                actor=actor,
                email=row.values["email"],
                role=row.values.get("role", "").lower() or roles.EMPLOYEE,
                unit=units.get(code),
            )
        except DomainError as error:
            errors.append(RowError(row.line, error.errors[0]["field"], error.errors[0]["message"]))
    return ImportOutcome(len(rows) - len(errors), tuple(errors))


@transaction.atomic
def resend_invitation(*, actor: Actor, invitation: ColleagueInvitation) -> ColleagueInvitation:
    """Send an open invitation again, valid for another two weeks under the same link."""
    invitation = _lock_open(invitation)
    rules.require_may_grant(actor, invitation.role, invitation.unit_id)
    invitation.expires_at = timezone.now() + timedelta(days=INVITATION_DAYS)
    invitation.save(update_fields=["expires_at"])
    record(actor=actor, action="organizations.invitation_resent", target=invitation, fields=["expires_at"])
    emit("organizations.colleague_invited", {"invitation": str(invitation.pk)})
    return invitation


@transaction.atomic
def revoke_invitation(*, actor: Actor, invitation: ColleagueInvitation) -> None:
    """Take an open invitation back; its link is worth nothing from now on."""
    invitation = _lock_open(invitation)
    rules.require_may_grant(actor, invitation.role, invitation.unit_id)
    invitation.revoked_at = timezone.now()
    invitation.save(update_fields=["revoked_at"])
    record(actor=actor, action="organizations.invitation_revoked", target=invitation, fields=["revoked_at"])


def invitation_token(invitation: ColleagueInvitation) -> str:
    """The link of an invitation; nothing secret is stored, so every mail carries the same."""
    return make_token(TOKEN_PURPOSE, cast(UUID, invitation.tenant_id), invitation.pk)


def read_invitation(token: str) -> InvitationView | None:
    """The open invitation of this link, or None when it was altered, used, revoked or has expired. Two queries."""
    subject = read_token(TOKEN_PURPOSE, token)
    if subject is None:
        return None
    organization = queries.organizations().filter(pk=subject.organization_id).first()
    if organization is None:
        return None
    with tenant(organization):
        invitation = queries.open_invitations().filter(pk=subject.row_id, expires_at__gt=timezone.now()).first()
    return None if invitation is None else InvitationView(invitation, organization)


@transaction.atomic
def accept_invitation(*, user: User, token: str, ip: str | None = None) -> Membership:
    """Join the organisation that invited this person.

    The link proves the mailbox, and the account must be of the same address: a forwarded mail lets nobody else in.
    Raises NotFound for a link that is not (or no longer) good, Conflict for an account of another address.
    """
    seen = read_invitation(token)
    if seen is None:
        raise NotFound(_("This invitation does not exist any more. Ask your colleague to send a new one."))
    with tenant(seen.organization):
        invitation = _lock_open(seen.invitation)
        if invitation.email.lower() not in emails_of(user):
            raise Conflict(_("This invitation was sent to another address. Sign in with the account of that address."))
        mark_email_proven(user=user, email=invitation.email)
        membership, made = Membership.objects.get_or_create(user=user, organization=seen.organization)
        if not made and not membership.is_active:
            membership.is_active = True
            membership.save(update_fields=["is_active"])
        RoleGrant.objects.get_or_create(user=user, role=invitation.role, unit=invitation.unit)
        invitation.accepted_at = timezone.now()
        invitation.save(update_fields=["accepted_at"])
        actor = queries.actor_for(user, seen.organization, ip)
        record(actor=actor, action="organizations.invitation_accepted", target=invitation, fields=["accepted_at"])
        emit("organizations.member_joined", {"membership": str(membership.pk)})
    return membership


@transaction.atomic
def grant_role(*, actor: Actor, member: Membership, role: str, unit: Unit | None = None) -> RoleGrant:
    """Give a member one more role, on the whole organisation or on a branch. Giving it twice changes nothing."""
    rules.require_may_grant(actor, role, unit.pk if unit else None)
    _lock_organization()
    member = _active(member)
    grant, made = RoleGrant.objects.get_or_create(user_id=member.user_id, role=role, unit=unit)
    if made:
        record(actor=actor, action="organizations.role_granted", target=member, fields=["role", "unit"])
    return grant


@transaction.atomic
def revoke_role(*, actor: Actor, grant: RoleGrant) -> None:
    """Take one of several roles from a member. The last one goes by deactivating the member."""
    rules.require_may_grant(actor, grant.role, grant.unit_id)
    _lock_organization()
    grant = RoleGrant.objects.get(pk=grant.pk)
    if RoleGrant.objects.filter(user_id=grant.user_id).count() == 1:
        raise Conflict(_("This is the member's only role. Change it, or deactivate the member."))
    member = Membership.objects.get(organization_id=current_tenant_id(), user_id=grant.user_id)
    grant.delete()
    _require_an_owner()
    record(actor=actor, action="organizations.role_revoked", target=member, fields=["role", "unit"])
    _withdraw_what_exceeds(actor, member)


@transaction.atomic
def change_role(*, actor: Actor, member: Membership, role: str, unit: Unit | None = None) -> Membership:
    """Make this the member's one role, in place of all others.

    Raises NotAllowed when the new role or one of the former is beyond the actor, Conflict for the last owner.
    """
    rules.require_may_grant(actor, role, unit.pk if unit else None)
    _lock_organization()
    member = _active(member)
    held = list(RoleGrant.objects.filter(user_id=member.user_id))
    _require_may_take(actor, held)
    if [(grant.role, grant.unit_id) for grant in held] == [(role, unit.pk if unit else None)]:
        return member
    RoleGrant.objects.filter(user_id=member.user_id).delete()
    RoleGrant.objects.create(user_id=member.user_id, role=role, unit=unit)
    _require_an_owner()
    record(actor=actor, action="organizations.role_changed", target=member, fields=["role", "unit"])
    _withdraw_what_exceeds(actor, member)
    return member


@transaction.atomic
def deactivate_member(*, actor: Actor, member: Membership) -> Membership:
    """End a member's access at once: the next request of any session is answered as to a stranger, keys they made
    stop working, invitations they sent are withdrawn. What they wrote stays. They come back by a new invitation.
    """
    actor.require("members.manage")
    _lock_organization()
    member = _active(member)
    _require_may_take(actor, list(RoleGrant.objects.filter(user_id=member.user_id)))
    return _end_membership(actor, member, "organizations.member_deactivated")


@transaction.atomic
def leave_organization(*, actor: Actor, user: User) -> Membership:
    """Leave of one's own accord. Raises Conflict for the last owner, who names another owner first."""
    _lock_organization()
    member = Membership.objects.filter(organization_id=current_tenant_id(), user=user, is_active=True).first()
    if member is None:
        raise NotFound(_("You are not a member of this organisation."))
    return _end_membership(actor, member, "organizations.member_left")


def clean_email(value: object, *, field: str = "email") -> str:
    """An e-mail address in lower case."""
    email = clean_text(value, field=field, longest=254).lower()
    try:
        validate_email(email)
    except ValidationError:
        raise DomainError(
            _("“%(value)s” is not an e-mail address. Write it like name@example.com.") % {"value": email[:80]},
            field=field,
        ) from None
    return email


def _end_membership(actor: Actor, member: Membership, action: str) -> Membership:
    member.is_active = False
    member.save(update_fields=["is_active"])
    RoleGrant.objects.filter(user_id=member.user_id).delete()
    _require_an_owner()
    record(actor=actor, action=action, target=member, fields=["is_active", "role"])
    _withdraw_what_exceeds(actor, member)
    emit("organizations.member_left", {"membership": str(member.pk)})
    return member


def _withdraw_what_exceeds(actor: Actor, member: Membership) -> None:
    """End the keys and open invitations of this person that their present roles would no longer let them make."""
    now_holds = queries.actor_for(member.user, member.organization)
    everywhere = rules.held_on(now_holds, None)
    for key in queries.alive_keys().filter(created_by_id=member.user_id):
        if "keys.manage" not in everywhere or not set(key.scopes) <= everywhere:
            key.revoked_at = timezone.now()
            key.save(update_fields=["revoked_at"])
            record(actor=actor, action="organizations.key_revoked", target=key, fields=["revoked_at"])
    for invitation in queries.open_invitations().filter(invited_by_id=member.user_id):
        if not rules.may_grant(now_holds, invitation.role, invitation.unit_id):
            invitation.revoked_at = timezone.now()
            invitation.save(update_fields=["revoked_at"])
            record(actor=actor, action="organizations.invitation_revoked", target=invitation, fields=["revoked_at"])


def _require_may_take(actor: Actor, held: Sequence[RoleGrant]) -> None:
    for grant in held:
        rules.require_may_grant(actor, grant.role, grant.unit_id)


def _require_an_owner() -> None:
    if not queries.owners().exists():
        raise Conflict(_("An organisation needs an owner. Make somebody else an owner first."), code="last_owner")


def _lock_organization() -> None:
    """Let changes of members wait for each other, so that two owners cannot remove one another at once."""
    Organization.objects.select_for_update().only("id").get(pk=current_tenant_id())


def _active(member: Membership) -> Membership:
    """The membership as it stands now. Raises Conflict when it ended meanwhile."""
    found = (
        Membership.objects.filter(pk=member.pk, organization_id=current_tenant_id(), is_active=True)
        .select_related("user", "organization")
        .first()
    )
    if found is None:
        raise Conflict(_("This person is no longer a member. Send a new invitation instead."))
    return found


def _lock_open(invitation: ColleagueInvitation) -> ColleagueInvitation:
    """The invitation, locked, if it still waits for an answer."""
    found = (
        ColleagueInvitation.objects.select_for_update()
        .filter(pk=invitation.pk, accepted_at__isnull=True, revoked_at__isnull=True)
        .first()
    )
    if found is None:
        raise NotFound(_("This invitation was already used or withdrawn."))
    return found
