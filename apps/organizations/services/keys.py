"""API keys and public write keys: made once, shown once, stored as a hash."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.audit.services import record
from apps.organizations import queries, roles, rules
from apps.organizations.models import ApiKey, Organization
from apps.organizations.preferences import clean_text
from cxm.actor import Actor, Grant
from cxm.api.keys import format_key, new_secret, parse_key, secret_hash, secret_matches
from cxm.errors import Conflict, DomainError
from cxm.scope import current_tenant_id, tenant

#: How many keys of one name may work at once: the one in use and its successor.
MOST_ALIVE = 2

#: ``last_used_at`` of a key is written at most this often.
USE_NOTED_EVERY = timedelta(minutes=1)

#: How long the former key keeps working after a rotation.
ROTATION_DAYS = 7

LONGEST_LIFE = timedelta(days=3653)


class KeyHolder(NamedTuple):
    """Who a proven key speaks for."""

    organization: Organization
    actor: Actor


def authenticate_api_key(token: str, ip: str | None = None, *, kind: str = ApiKey.Kind.API) -> KeyHolder | None:
    """Prove a key; None for anything that is not a working key of this kind.

    Costs two queries (the organisation; the key with its maker) and, at most once a minute, an update. A key ends
    with its revocation, its expiry, its maker's deactivation and its organisation.
    """
    claim = parse_key(token)
    if claim is None or claim.kind != kind:
        return None
    organization = queries.organizations().filter(pk=claim.organization_id).first()
    if organization is None:
        return None
    with tenant(organization):
        key = ApiKey.objects.select_related("created_by").filter(pk=claim.key_id, kind=kind).first()
        if key is None or not secret_matches(claim.secret, key.secret_hash) or not queries.is_alive(key):
            return None
        _note_use(key)
    scopes = roles.WRITE_KEY_SCOPES if key.kind == ApiKey.Kind.WRITE else frozenset(key.scopes) & roles.PERMISSIONS
    actor = Actor(kind="key", id=key.pk, name=key.name, ip=ip, grants=(Grant(scopes),))
    return KeyHolder(organization, actor)


@transaction.atomic
def create_api_key(
    *,
    actor: Actor,
    name: str,
    kind: str = ApiKey.Kind.API,
    scopes: list[str] | None = None,
    expires_at: datetime | None = None,
    created_by: User | None = None,
) -> tuple[ApiKey, str]:
    """Make a key and return it with its text, which is shown to the maker now and is nowhere stored.

    Args:
        name: what the key is for; at most two keys of one name and kind are alive at once.
        kind: ``api`` (carries scopes) or ``write`` (public; only creates events and responses).
        scopes: permissions of the key, none of them beyond the maker's own; None means all the maker may give.
        expires_at: when it stops working, in the future and within ten years; None means never.
        created_by: the person it belongs to; taken from ``actor`` when that is a person.

    Raises DomainError naming the field.
    """
    actor.require_everywhere("keys.manage")
    name = clean_text(name, field="name", longest=120)
    if kind not in ApiKey.Kind.values:
        raise DomainError(_("Choose api or write."), field="kind")
    if kind == ApiKey.Kind.WRITE and scopes:
        raise DomainError(_("A write key has no scopes: it only creates events and responses."), field="scopes")
    _require_future(expires_at)
    if queries.alive_keys().filter(name=name, kind=kind).count() >= MOST_ALIVE:
        raise Conflict(
            _("Two keys named “%(name)s” work already. Revoke one of them first.") % {"name": name}, field="name"
        )
    secret = new_secret()
    key = ApiKey.objects.create(
        kind=kind,
        name=name,
        scopes=[] if kind == ApiKey.Kind.WRITE else _clean_scopes(actor, scopes),
        secret_hash=secret_hash(secret),
        hint=secret[-4:],
        created_by_id=created_by.pk if created_by else actor.user_id,
        expires_at=expires_at,
    )
    record(actor=actor, action="organizations.key_created", target=key, fields=["name", "kind", "scopes", "expires_at"])
    return key, format_key("write" if kind == ApiKey.Kind.WRITE else "api", current_tenant_id(), key.pk, secret)


@transaction.atomic
def rotate_api_key(*, actor: Actor, key: ApiKey) -> tuple[ApiKey, str]:
    """Make a successor with the same name and scopes; the former key works for another seven days at most.

    Raises Conflict when the key no longer works or already has a successor.
    """
    actor.require_everywhere("keys.manage")
    key = ApiKey.objects.select_for_update().get(pk=key.pk)
    now = timezone.now()
    if key.revoked_at or (key.expires_at and key.expires_at <= now):
        raise Conflict(_("This key no longer works. Create a new one instead."))
    successor, token = create_api_key(
        actor=actor,
        name=key.name,
        kind=key.kind,
        scopes=None if key.kind == ApiKey.Kind.WRITE else list(key.scopes),
        expires_at=key.expires_at,
    )
    last_day = now + timedelta(days=ROTATION_DAYS)
    if key.expires_at is None or key.expires_at > last_day:
        key.expires_at = last_day
        key.save(update_fields=["expires_at"])
    record(actor=actor, action="organizations.key_rotated", target=key, fields=["expires_at"])
    return successor, token


@transaction.atomic
def revoke_api_key(*, actor: Actor, key: ApiKey) -> ApiKey:
    """End a key at once. Revoking one that is revoked changes nothing."""
    actor.require_everywhere("keys.manage")
    key = ApiKey.objects.select_for_update().get(pk=key.pk)
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
        record(actor=actor, action="organizations.key_revoked", target=key, fields=["revoked_at"])
    return key


def _clean_scopes(actor: Actor, scopes: list[str] | None) -> list[str]:
    """The scopes in table order. Only what the maker holds on the whole organisation: a key has no branch."""
    grantable = roles.grantable_scopes(rules.held_on(actor, None))
    if scopes is None:
        return list(grantable)
    for scope in scopes:
        if scope not in roles.SCOPES:
            raise DomainError(_("There is no scope “%(scope)s”.") % {"scope": scope}, field="scopes")
        if scope not in grantable:
            raise DomainError(
                _("You cannot give “%(scope)s”: you do not have it yourself.") % {"scope": scope}, field="scopes"
            )
    if not scopes:
        raise DomainError(_("Choose at least one scope."), field="scopes", code="required")
    return [scope for scope in roles.SCOPES if scope in scopes]


def _require_future(expires_at: datetime | None) -> None:
    if expires_at is not None and not timezone.now() < expires_at <= timezone.now() + LONGEST_LIFE:
        raise DomainError(_("Choose a time in the future, within ten years."), field="expires_at")


def _note_use(key: ApiKey) -> None:
    now = timezone.now()
    if key.last_used_at is None or key.last_used_at < now - USE_NOTED_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
