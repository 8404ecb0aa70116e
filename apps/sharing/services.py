"""Making, changing and ending share links, and opening one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.hashers import check_password, make_password
from django.core import signing
from django.db import transaction
from django.db.models import F, Q
from django.utils.timezone import is_naive, make_aware, now
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.outbox.services import emit
from apps.sharing.keys import hash_of, new_key
from apps.sharing.models import ShareLink
from apps.sharing.options import ShareOptions, read_options
from apps.sharing.registry import Shareable, shareable, shareables
from cxm.actor import Actor
from cxm.api.throttles import Limit, throttle
from cxm.errors import Conflict, DomainError, NotFound
from cxm.ids import parse_uuid
from cxm.scope import current_tenant_id
from cxm.texts import clean_text

USUAL_LIFE: Final = timedelta(days=30)
LONGEST_LIFE: Final = timedelta(days=366)
MOST_OPEN: Final = 50
"""Open links to one thing."""
NOTE_LENGTH: Final = 120
PASSWORD_SHORTEST, PASSWORD_LONGEST = 8, 128
TRIES_BY_READER: Final = Limit(rate=1 / 60, burst=8)
TRIES_BY_LINK: Final = Limit(rate=1 / 6, burst=60)
"""Guesses at a password: from one address, and at one link from everywhere."""
READS_OF_LINK: Final = Limit(rate=5, burst=200)
DOCUMENTS_OF_LINK: Final = Limit(rate=1 / 5, burst=10)
"""How often one link is opened, and how often a document is drawn for it: nobody holds the workers through it."""
PASS_HOURS: Final = 12
_PURPOSE: Final = "sharing.opened"


@transaction.atomic
def create_share_link(
    *,
    actor: Actor,
    kind: str,
    object_id: object,
    expires_at: datetime | None = None,
    password: str | None = "",
    options: object = None,
    note: object = "",
) -> tuple[ShareLink, str]:
    """Make a link to one thing, and return it with its key, which is shown to the maker now and is nowhere stored.

    Args:
        kind: a registered kind (registry.py).
        expires_at: when it ends: in the future, within 366 days; None is in 30 days.
        password: 8 to 128 characters, or none.
        options: what it shows (options.py). Scores and the draft are shown only to whom the maker could show them: the
            maker must see the scores, and the link keeps to the maker's branches.

    Raises DomainError naming the field, NotFound for a thing that is not there, NotAllowed.
    """
    actor.require("maps.share")
    found = shareable(kind)
    if found is None:
        message = _("Must be one of: %(kinds)s.") % {"kinds": ", ".join(shareables())}
        raise DomainError(message, field="kind", code="choice")
    actor.require(found.permission)
    identifier = _existing(found, object_id)
    read = _checked(actor, found, identifier, options)
    if ShareLink.objects.filter(_open(), kind=kind, object_id=identifier).count() >= MOST_OPEN:
        message = _("%(count)d links to this are open. Revoke one of them first.")
        raise Conflict(message % {"count": MOST_OPEN}, code="too_many")
    key = new_key(current_tenant_id())
    link = ShareLink.objects.create(
        kind=kind,
        object_id=identifier,
        key_hash=hash_of(key),
        password=_hashed(password),
        note=clean_text(note, field="note", limit=NOTE_LENGTH),
        options=read.as_json(),
        units=_units_of(actor, found, read),
        expires_at=_end(expires_at),
        created_by_id=actor.user_id,
    )
    record(actor=actor, action="sharing.link_created", target=link, fields=["kind", "object_id", "expires_at"])
    emit("sharing.link_created", {"link": str(link.pk)})
    return link, key


@transaction.atomic
def update_share_link(*, actor: Actor, link: ShareLink, **changes: Any) -> ShareLink:
    """Change when a link ends, its password ("" takes it away), its note or what it shows. Its key stays.

    A link that was revoked stays revoked. Raises DomainError naming the field, Conflict for a revoked one, NotAllowed.
    """
    actor.require("maps.share")
    link = ShareLink.objects.select_for_update().get(pk=link.pk)
    if link.revoked_at is not None:
        raise Conflict(_("This link was revoked. Make a new one."), code="revoked")
    for name, present in (("kind", link.kind), ("object_id", str(link.object_id))):
        given = changes.pop(name, None)
        if given is not None and str(given) != present:
            raise DomainError(_("This cannot change: make another link."), field=name, code="immutable")
    values: dict[str, Any] = {}
    if "expires_at" in changes:
        values["expires_at"] = _end(changes["expires_at"])
    if "password" in changes:
        values["password"] = _hashed(changes["password"])
    if "note" in changes:
        values["note"] = clean_text(changes["note"], field="note", limit=NOTE_LENGTH)
    if "options" in changes:
        found = shareable(link.kind)
        if found is None:
            raise NotFound
        actor.require(found.permission)
        read = _checked(actor, found, link.object_id, changes["options"])
        values |= {"options": read.as_json(), "units": _units_of(actor, found, read)}
    changed = [name for name, value in values.items() if getattr(link, name) != value]
    if changed:
        for name in changed:
            setattr(link, name, values[name])
        link.save(update_fields=changed)
        record(actor=actor, action="sharing.link_changed", target=link, fields=changed)
    return link


@transaction.atomic
def revoke_share_link(*, actor: Actor, link: ShareLink) -> ShareLink:
    """End a link at once, for everybody. Revoking one that is revoked changes nothing."""
    actor.require("maps.share")
    link = ShareLink.objects.select_for_update().get(pk=link.pk)
    if link.revoked_at is None:
        link.revoked_at = now()
        link.save(update_fields=["revoked_at"])
        record(actor=actor, action="sharing.link_revoked", target=link, fields=["revoked_at"])
        emit("sharing.link_revoked", {"link": str(link.pk)})
    return link


def note_opened(link: ShareLink) -> None:
    """Count a view. Nothing of the reader is kept."""
    ShareLink.objects.filter(pk=link.pk).update(opened=F("opened") + 1, last_opened_at=now())


def try_password(link: ShareLink, password: str, reader: str) -> bool | None:
    """Whether this is the link's password; None when there were too many tries, from ``reader`` or altogether.

    The comparison takes the same time whatever is wrong.
    """
    for name, limit in ((f"share:{link.pk}:{reader}", TRIES_BY_READER), (f"share:{link.pk}", TRIES_BY_LINK)):
        if not throttle().take(name, limit).allowed:
            return None
    if len(password) > PASSWORD_LONGEST or "\x00" in password:
        password = ""
    try:
        return check_password(password, link.password)
    except UnicodeEncodeError:
        return False


def may_open(link: ShareLink, *, document: bool = False) -> bool:
    """Count an opening against the link's limits. False when there were too many just now."""
    if document and not throttle().take(f"share-document:{link.pk}", DOCUMENTS_OF_LINK).allowed:
        return False
    return throttle().take(f"share-read:{link.pk}", READS_OF_LINK).allowed


def pass_of(link: ShareLink) -> str:
    """What a browser keeps once the password was right. Another password, or twelve hours, end it."""
    return signing.dumps([str(link.pk), hash_of(link.password)], salt=_PURPOSE)


def is_pass_of(link: ShareLink, text: str) -> bool:
    """Whether a browser's pass is for this link and its present password."""
    if not text or len(text) > 500:
        return False
    try:
        said = signing.loads(text, salt=_PURPOSE, max_age=PASS_HOURS * 3600)
    except signing.BadSignature:
        return False
    return said == [str(link.pk), hash_of(link.password)]


def _open() -> Q:
    return Q(revoked_at=None, expires_at__gt=now())


def _existing(found: Shareable, object_id: object) -> UUID:
    identifier = parse_uuid(object_id)
    if identifier is None or identifier not in found.describe([identifier]):
        raise NotFound(_("There is no such thing to share."), field="object_id")
    return identifier


def _checked(actor: Actor, found: Shareable, identifier: UUID, options: object) -> ShareOptions:
    read = read_options(options)
    if read.show_scores:
        actor.require(found.scores_permission)
    unknown = [name for name in read.filters if name not in found.filters]
    if unknown:
        raise DomainError(_("This cannot be filtered here."), field=f"options.filters.{unknown[0]}")
    found.check(actor, identifier, read)
    return read


def _units_of(actor: Actor, found: Shareable, options: ShareOptions) -> list[str] | None:
    """The branches whose figures the maker sees; None for all, and where no figures are shown."""
    if not options.show_scores:
        return None
    units = actor.visible_units(found.scores_permission)
    return None if units is None else sorted(map(str, units))


def _hashed(password: object) -> str:
    if password is None or password == "":
        return ""
    if not isinstance(password, str):
        raise DomainError(_("Give a text here."), field="password")
    if "\x00" in password or any("\ud800" <= character <= "\udfff" for character in password):
        raise DomainError(_("Remove the characters that cannot be stored."), field="password")
    if not PASSWORD_SHORTEST <= len(password) <= PASSWORD_LONGEST:
        message = _("A password has %(shortest)d to %(longest)d characters.")
        values = {"shortest": PASSWORD_SHORTEST, "longest": PASSWORD_LONGEST}
        raise DomainError(message % values, field="password", code="length")
    return make_password(password)


def _end(expires_at: object) -> datetime:
    today = now()
    if expires_at is None:
        return today + USUAL_LIFE
    if not isinstance(expires_at, datetime):
        raise DomainError(_("Give a time, such as 2026-12-31T12:00:00Z."), field="expires_at")
    if is_naive(expires_at):
        expires_at = make_aware(expires_at)
    if not today < expires_at <= today + LONGEST_LIFE:
        message = _("A link ends in the future, within %(days)d days.") % {"days": LONGEST_LIFE.days}
        raise DomainError(message, field="expires_at", code="range")
    return expires_at
