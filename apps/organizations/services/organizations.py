"""The organisation itself: founding, settings, logo, end."""

import io
import secrets
from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import Model
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _
from PIL import Image, UnidentifiedImageError

from apps.accounts.models import User
from apps.audit.services import record
from apps.organizations import preferences, roles
from apps.organizations.models import Membership, Organization, RoleGrant
from apps.outbox.services import emit
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, DomainErrors, FieldError
from cxm.fields import TenantForeignKey, TenantOneToOneField, tenant_field
from cxm.scope import current_tenant_id, tenant

MOST_LOGO_BYTES = 2 * 1024 * 1024
MOST_LOGO_PIXELS = 4000 * 4000
LOGO_SIZE = (320, 96)

#: Setting -> how its value is cleaned.
SETTINGS: dict[str, Callable[[Any], Any]] = {
    "name": lambda value: preferences.clean_text(value, field="name", longest=120),
    "timezone": preferences.clean_timezone,
    "languages": preferences.clean_languages,
    "default_language": lambda value: preferences.clean_text(value, field="default_language", longest=10),
    "accent": preferences.clean_accent,
    "business_hours": preferences.clean_business_hours,
    "business_hours_enabled": bool,
    "opt_in_required": bool,
    "fatigue": preferences.clean_fatigue,
    "anonymity_threshold": lambda value: preferences.clean_whole_number(
        value, field="anonymity_threshold", smallest=3, largest=10
    ),
    "include_provisional": bool,
    "anonymous_ideas_allowed": bool,
    "inactivity_days": lambda value: preferences.clean_whole_number(
        value, field="inactivity_days", smallest=1, largest=3650
    ),
    "experience_directions": preferences.clean_directions,
}


@transaction.atomic
def create_organization(
    *,
    actor: Actor,
    owner: User,
    name: str,
    slug: str = "",
    zone: str = "UTC",
    is_demo: bool = False,
) -> Organization:
    """Found an organisation with its first owner.

    Args:
        actor: who founds it; a person founds for themselves, the system for anybody.
        slug: its part of the address; made from the name, and made free, when empty.
        zone: IANA time zone its days are counted in.

    Raises DomainError naming the field; Conflict when the address is taken.
    """
    name = preferences.clean_text(name, field="name", longest=120)
    zone = preferences.clean_timezone(zone)
    slug = preferences.clean_slug(slug) if slug else _free_slug(name)
    try:
        with transaction.atomic():
            organization = Organization.objects.create(
                slug=slug,
                name=name,
                timezone=zone,
                languages=["en"],
                default_language="en",
                business_hours=preferences.DEFAULT_BUSINESS_HOURS,
                fatigue=preferences.DEFAULT_FATIGUE,
                is_demo=is_demo,
            )
    except IntegrityError:
        raise Conflict(
            _("The address “%(slug)s” is taken. Choose another.") % {"slug": slug}, field="slug", code="taken"
        ) from None
    with tenant(organization):
        Membership.objects.create(user=owner, organization=organization)
        RoleGrant.objects.create(user=owner, role=roles.OWNER)
        record(actor=actor, action="organizations.created", target=organization, fields=["name", "slug", "timezone"])
        emit("organizations.created", {"organization": str(organization.pk)})
    return organization


@transaction.atomic
def update_settings(*, actor: Actor, **changes: Any) -> Organization:
    """Change settings of the organisation in force (see ``SETTINGS``).

    Raises DomainErrors naming every field that cannot be. A new time zone moves the days that scores are counted
    on: subscribers of ``organizations.timezone_changed`` count anew.
    """
    actor.require_everywhere("organization.settings")
    unknown = set(changes) - set(SETTINGS)
    if unknown:
        raise TypeError(f"not settings: {sorted(unknown)}")
    organization = Organization.objects.select_for_update().get(pk=current_tenant_id())
    clean: dict[str, Any] = {}
    errors: list[FieldError] = []
    for name, value in changes.items():
        try:
            clean[name] = SETTINGS[name](value)
        except DomainError as error:
            errors += error.errors
    languages = clean.get("languages", organization.languages)
    if clean.get("default_language", organization.default_language) not in languages:
        errors.append(
            {
                "field": "default_language",
                "code": "invalid",
                "message": _("The main language must be one of the languages above."),
            }
        )
    if errors:
        raise DomainErrors(errors)
    changed = [name for name, value in clean.items() if getattr(organization, name) != value]
    for name in changed:
        setattr(organization, name, clean[name])
    if changed:
        organization.save(update_fields=[*changed, "updated_at"])
        record(actor=actor, action="organizations.settings_changed", target=organization, fields=changed)
        emit("organizations.settings_changed", {"fields": changed})
    if "timezone" in changed:
        emit("organizations.timezone_changed", {"timezone": organization.timezone})
    return organization


@transaction.atomic
def set_logo(*, actor: Actor, content: bytes) -> Organization:
    """Take a picture as the logo: read, shrunk to 320 x 96, written anew as PNG under a random name.

    Nothing of the uploaded bytes is kept. Raises DomainError on field ``logo`` when it is no PNG, JPEG or WebP
    picture, larger than 2 MB or 16 megapixels.
    """
    actor.require_everywhere("organization.settings")
    picture = _reencoded(content)
    organization = Organization.objects.select_for_update().get(pk=current_tenant_id())
    former = organization.logo
    organization.logo = default_storage.save(
        f"{organization.pk}/logo/{secrets.token_hex(16)}.png", ContentFile(picture)
    )
    organization.save(update_fields=["logo", "updated_at"])
    record(actor=actor, action="organizations.settings_changed", target=organization, fields=["logo"])
    _delete_file_after_commit(former)
    return organization


@transaction.atomic
def remove_logo(*, actor: Actor) -> Organization:
    """Go back to the name without a picture."""
    actor.require_everywhere("organization.settings")
    organization = Organization.objects.select_for_update().get(pk=current_tenant_id())
    former, organization.logo = organization.logo, ""
    organization.save(update_fields=["logo", "updated_at"])
    if former:
        record(actor=actor, action="organizations.settings_changed", target=organization, fields=["logo"])
        _delete_file_after_commit(former)
    return organization


@transaction.atomic
def delete_organization(*, actor: Actor, confirmation: str) -> None:
    """End the organisation in force: every row and file of it goes, its address becomes free.

    Its audit log stays (it holds ids and names of fields only, and nobody can change it), and so does the bare row
    it hangs on, without name, logo or settings. ``confirmation`` must be the organisation's name.

    One transaction over all rows: what else is at work in the organisation waits or fails.
    """
    actor.require_everywhere("organization.delete")
    organization = Organization.objects.select_for_update().get(pk=current_tenant_id())
    if confirmation.strip() != organization.name:
        raise DomainError(_("Type the name of the organisation exactly."), field="confirm", code="not_confirmed")
    record(actor=actor, action="organizations.deleted", target=organization)
    for model in tenant_models_in_deletion_order():
        model._base_manager.all()._raw_delete(model._base_manager.db)
    for model, field in _global_models_of_organizations():
        model._base_manager.filter(**{field: organization}).delete()
    organization.slug = f"deleted-{organization.pk}"[:50]
    organization.name = ""
    organization.logo = ""
    organization.accent = ""
    organization.deleted_at = timezone.now()
    organization.save()
    directory = str(organization.pk)
    transaction.on_commit(lambda: delete_files_below(directory))


def tenant_models_in_deletion_order() -> list[type[Model]]:
    """Every model of an organisation's data but the audit log, referring ones before those they refer to."""
    models = [
        model
        for model in apps.get_models(include_auto_created=True)
        if tenant_field(model) is not None and model._meta.managed and model._meta.app_label != "audit"
    ]
    refers_to = {
        model: {
            field.remote_field.model
            for field in model._meta.local_fields
            if isinstance(field, TenantForeignKey | TenantOneToOneField) and field.remote_field.model is not model
        }
        for model in models
    }
    ordered: list[type[Model]] = []
    while refers_to:
        free = [model for model in refers_to if not any(model in others for others in refers_to.values())]
        if not free:
            names = sorted(model.__name__ for model in refers_to)
            raise RuntimeError(f"tenant models refer to each other in a circle: {names}")
        for model in free:
            ordered.append(model)
            del refers_to[model]
    return ordered


def _global_models_of_organizations() -> list[tuple[type[Model], str]]:
    """Models outside the tenant walls that name an organisation (memberships, the built-in mailbox), and the field."""
    return [
        (model, field.name)
        for model in apps.get_models()
        if tenant_field(model) is None
        for field in model._meta.local_fields
        if field.remote_field and field.remote_field.model is Organization
    ]


def delete_files_below(directory: str) -> None:
    """Remove a directory of the uploads with everything in it; one that does not exist is as good as removed."""
    try:
        directories, files = default_storage.listdir(directory)
    except FileNotFoundError:
        return
    for name in files:
        default_storage.delete(f"{directory}/{name}")
    for name in directories:
        delete_files_below(f"{directory}/{name}")
    default_storage.delete(directory)


def _free_slug(name: str) -> str:
    stem = slugify(name)[:40].strip("-") or "organisation"
    if len(stem) < 2 or stem in preferences.RESERVED_SLUGS:
        stem = f"{stem}-cx"
    slug, number = stem, 1
    while Organization.objects.filter(slug=slug).exists():
        number += 1
        slug = f"{stem}-{number}"
    return slug


def _reencoded(content: bytes) -> bytes:
    if len(content) > MOST_LOGO_BYTES:
        raise DomainError(_("Choose a picture of at most 2 MB."), field="logo", code="too_large")
    refusal = DomainError(_("Choose a PNG, JPEG or WebP picture."), field="logo", code="not_a_picture")
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "WEBP")) as picture:
            if picture.width * picture.height > MOST_LOGO_PIXELS:
                raise DomainError(_("Choose a smaller picture: 16 megapixels at most."), field="logo", code="too_large")
            clean = picture.convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise refusal from None
    clean.thumbnail(LOGO_SIZE)
    out = io.BytesIO()
    clean.save(out, "PNG", optimize=True)
    return out.getvalue()


def _delete_file_after_commit(name: str) -> None:
    if name:
        transaction.on_commit(lambda: default_storage.delete(name))
