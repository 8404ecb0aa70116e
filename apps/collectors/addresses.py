"""The addresses of places: what their tokens say, and the key with which a site signs who its visitor is."""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils.crypto import salted_hmac

from apps.collectors.models import Collector
from apps.organizations.models import Organization
from apps.surveys.models import Survey
from cxm.scope import tenant
from cxm.tokens import TokenSubject, make_token, read_token

LAST_VERSION: Final = 255
"""Addresses one place can have in its life."""


@dataclass(frozen=True, slots=True)
class FoundPlace:
    """What a token led to. ``is_ended``: it was revoked, or another address took its place."""

    organization: Organization
    collector: Collector
    is_ended: bool


def collector_token(collector: Collector) -> str:
    """The token in the address of a place, of its present version."""
    assert collector.tenant_id is not None
    return make_token(_purpose(collector.kind), collector.tenant_id, collector.pk, collector.key_version)


def address_of(collector: Collector, survey: Survey, organization: Organization) -> str:
    """The absolute address under which a place takes answers."""
    token = collector_token(collector)
    if collector.kind == Collector.Kind.KIOSK:
        path = reverse("kiosk", args=[token])
    elif collector.kind == Collector.Kind.WIDGET:
        path = reverse("widget", args=[token])
    else:
        query = urlencode({"c": "qr", "p": token})
        path = f"{reverse('open_survey', args=[organization.slug, survey.slug])}?{query}"
    return f"{settings.BASE_URL}{path}"


def read_address(kind: str, token: str) -> tuple[TokenSubject, int] | None:
    """Organisation and row of a token with its version; None for one that is altered, cut or of another kind."""
    try:
        version = base64.b64decode(token[:4], altchars=b"-_", validate=True)[0]
    except (binascii.Error, ValueError, IndexError):
        return None
    subject = read_token(_purpose(kind), token, version)
    return (subject, version) if subject else None


def find_place(kind: str, token: str) -> FoundPlace | None:
    """The place behind a token that came from outside; None when there never was one. Two queries."""
    read = read_address(kind, token)
    organization = Organization.objects.filter(pk=read[0].organization_id, deleted_at=None).first() if read else None
    if read is None or organization is None:
        return None
    with tenant(organization):
        collector = Collector.objects.filter(pk=read[0].row_id, kind=kind).first()
    if collector is None:
        return None
    return FoundPlace(organization, collector, collector.revoked_at is not None or collector.key_version != read[1])


def identity_key(collector: Collector) -> str:
    """The secret that a site signs its visitors' ids with: 64 hexadecimal digits, another one for each address.

    It is derived and not stored: whoever may edit surveys can read it again, and renewing the address ends it.
    """
    return salted_hmac("collectors.identity", collector_token(collector), algorithm="sha256").hexdigest()


def is_signed(collector: Collector, external_id: str, signature: str) -> bool:
    """Whether ``signature`` is the hexadecimal HMAC-SHA256 of the visitor's id under this place's key."""
    if not external_id or len(signature) != 64 or not signature.isascii():
        return False
    try:
        said = external_id.encode()
    except UnicodeEncodeError:
        return False
    expected = hmac.new(identity_key(collector).encode(), said, "sha256").hexdigest()
    return hmac.compare_digest(expected, signature.lower())


def place_prefix(collector_id: UUID) -> str:
    """How the source ids of the answers of one place begin."""
    return f"{collector_id.hex}:"


def _purpose(kind: str) -> str:
    return f"collector.{kind}"
