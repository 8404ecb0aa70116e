"""What is read of organisations, members, units and keys. Organisation-scoped functions need ``tenant()`` in force."""

import uuid
from datetime import date, datetime

from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.accounts.models import User
from apps.organizations import roles
from apps.organizations.models import ApiKey, ColleagueInvitation, Membership, Organization, RoleGrant, Unit
from apps.organizations.unit_tree import UnitTree
from apps.outbox.models import OutboxEvent
from cxm.actor import Actor, Grant
from cxm.scope import acting_user, current_tenant_id, no_tenant, tenant


def organizations() -> QuerySet[Organization]:
    """Every organisation that exists (a deleted one leaves only its audit log). Global: needs no scope."""
    return Organization.objects.filter(deleted_at__isnull=True)


def organization_by_slug(slug: str) -> Organization | None:
    """The organisation of this address, or None. One query."""
    return organizations().filter(slug=slug).first()


def memberships_of(user: User) -> list[Membership]:
    """This person's active memberships with their organisations, by name. One query, before any is in force."""
    with no_tenant(), acting_user(user):
        return list(
            Membership.objects.filter(user=user, is_active=True, organization__deleted_at__isnull=True)
            .select_related("organization")
            .order_by("organization__name", "organization_id")
        )


def organizations_of(user: User) -> list[Organization]:
    """The organisations this person may enter, by name. One query, seen through the person's own memberships."""
    return [membership.organization for membership in memberships_of(user)]


def membership_at(user: User, slug: str) -> Membership | None:
    """This person's active membership in the organisation of this address, with the organisation, or None.

    One query, before any organisation is in force. None does not tell whether there is such an organisation.
    """
    return next((found for found in memberships_of(user) if found.organization.slug == slug), None)


def actor_for(user: User, organization: Organization, ip: str | None = None) -> Actor:
    """The person as an actor in the organisation in force, with what their roles allow.

    One query for the grants, and one for the tree when a grant is limited to a branch. Whether the person is a
    member is the caller's question (``membership_at``): roles of a former member are deleted with the membership.
    """
    with tenant(organization):
        held = list(RoleGrant.objects.filter(user=user).order_by("created_at", "id"))
        tree = unit_tree() if any(grant.unit_id for grant in held) else None
    grants = tuple(
        Grant(roles.permissions_of(grant.role, on_branch=True), tree.branch(grant.unit_id))
        if tree and grant.unit_id
        else Grant(roles.permissions_of(grant.role))
        for grant in held
    )
    return Actor(kind="user", id=user.pk, name=str(user), ip=ip, grants=grants)


def is_alive(key: ApiKey) -> bool:
    """Whether the key works now; reads its maker when that was not fetched with it."""
    expired = key.expires_at is not None and key.expires_at <= timezone.now()
    maker_left = key.created_by is not None and not key.created_by.is_active
    return key.revoked_at is None and not expired and not maker_left


def alive_keys(at: datetime | None = None) -> QuerySet[ApiKey]:
    """Keys that are neither revoked nor expired."""
    at = at or timezone.now()
    return ApiKey.objects.filter(revoked_at__isnull=True).filter(Q(expires_at__isnull=True) | Q(expires_at__gt=at))


def all_keys() -> QuerySet[ApiKey]:
    """Every key, the newest first, with who made it. One query."""
    return ApiKey.objects.select_related("created_by").order_by("-created_at", "-id")


def unit_tree() -> UnitTree:
    """The whole tree of the organisation in force. One query."""
    return UnitTree.of(Unit.objects.all())


def units(actor: Actor) -> QuerySet[Unit]:
    """The units this actor may see, by name."""
    visible = actor.visible_units("units.view")
    rows = Unit.objects.select_related("parent").order_by("name", "id")
    return rows if visible is None else rows.filter(pk__in=visible)


def valid_on(rows: QuerySet[Unit], day: date) -> QuerySet[Unit]:
    """Those units that exist on a day of the organisation's calendar, first and last day included."""
    return rows.filter(
        Q(valid_from__isnull=True) | Q(valid_from__lte=day), Q(valid_to__isnull=True) | Q(valid_to__gte=day)
    )


def members(actor: Actor) -> QuerySet[Membership]:
    """The members this actor may see: all, or those who hold a role inside the actor's branches."""
    rows = Membership.objects.filter(organization_id=current_tenant_id()).select_related("user")
    visible = actor.visible_units("members.view")
    if visible is None:
        return rows
    return rows.filter(user_id__in=RoleGrant.objects.filter(unit_id__in=visible).values("user_id"))


def grants_of(user_ids: list[uuid.UUID]) -> dict[uuid.UUID, list[RoleGrant]]:
    """The roles of several people, the widest role first. One query."""
    found: dict[uuid.UUID, list[RoleGrant]] = {user_id: [] for user_id in user_ids}
    for grant in RoleGrant.objects.filter(user_id__in=user_ids).select_related("unit").order_by("created_at", "id"):
        found[grant.user_id].append(grant)
    for grants in found.values():
        grants.sort(key=lambda grant: roles.ROLES.index(grant.role) if grant.role in roles.ROLES else 99)
    return found


def owners() -> QuerySet[RoleGrant]:
    """The grants of everybody who owns the organisation in force: an active member, owner of the whole."""
    active = Membership.objects.filter(organization_id=current_tenant_id(), is_active=True).values("user_id")
    return RoleGrant.objects.filter(role=roles.OWNER, unit__isnull=True, user_id__in=active, user__is_active=True)


def open_invitations(actor: Actor | None = None) -> QuerySet[ColleagueInvitation]:
    """Invitations neither accepted nor revoked (expired ones too: they can be sent again), the newest first."""
    rows = (
        ColleagueInvitation.objects.filter(accepted_at__isnull=True, revoked_at__isnull=True)
        .select_related("unit", "invited_by")
        .order_by("-created_at", "-id")
    )
    visible = actor.visible_units("members.view") if actor else None
    return rows if visible is None else rows.filter(unit_id__in=visible)


def parked_work() -> QuerySet[OutboxEvent]:
    """Events whose handler failed eight times, the oldest first."""
    return OutboxEvent.objects.filter(state=OutboxEvent.State.PARKED).order_by("created_at", "id")
