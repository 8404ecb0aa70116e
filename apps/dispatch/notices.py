"""Notices to people who work here: an idea was answered, an export is ready. One mail, one click to stop them.

Called from outbox handlers, which may run again after a failure: a notice carries the same Message-ID each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives

from apps.accounts.models import User
from apps.dispatch.rendering import render_message
from apps.dispatch.sending import brand_of, sender_of
from apps.dispatch.suppression import is_suppressed
from apps.organizations.models import Organization
from cxm.scope import current_tenant_id
from cxm.tokens import TokenSubject, make_token, read_token

PURPOSE: Final = "stop"
"""The purpose of a token that stops the notices of one organisation to one person."""


def send_notice(
    *,
    recipient: User,
    identity: UUID,
    subject: str,
    lines: Sequence[str],
    note: str,
    button: str = "",
    url: str = "",
    quote: str = "",
) -> bool:
    """Send a notice of the organisation in force; False for somebody suppressed or deactivated, who gets none.

    Args:
        identity: of what is told, so that telling it twice has one Message-ID.
        lines: the sentences, each a paragraph.
        note: why the person gets this, for the footer.
        url: where the button leads, an absolute address or a path of ours.
        quote: what somebody wrote; shown as text.

    Raises SMTPException or OSError when the mail server refuses or is away.
    """
    address = recipient.email.lower()
    if not recipient.is_active or is_suppressed(address):
        return False
    organization = Organization.objects.get(pk=current_tenant_id())
    mail = render_message(
        brand=brand_of(organization),
        subject=subject,
        lines=lines,
        note=note,
        button=button,
        url=f"{settings.BASE_URL}{url}" if url.startswith("/") else url,
        quote=quote,
        stop=stop_url(organization.pk, recipient.pk),
    )
    message = EmailMultiAlternatives(
        mail.subject,
        mail.text,
        sender_of(organization),
        [recipient.email],
        headers={
            "Message-ID": f"<{identity.hex}.{recipient.pk.hex}@{urlsplit(settings.BASE_URL).hostname or 'localhost'}>",
            "List-Unsubscribe": f"<{stop_url(organization.pk, recipient.pk)}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Auto-Submitted": "auto-generated",
        },
    )
    message.attach_alternative(mail.html, "text/html")
    message.send()
    return True


def stop_url(organization_id: UUID, user_id: UUID) -> str:
    """The address at which one click stops these notices."""
    return f"{settings.BASE_URL}/n/{make_token(PURPOSE, organization_id, user_id)}/stop/"


def read_stop_token(token: str) -> TokenSubject | None:
    """Organisation and person of such an address; None for any other text."""
    return read_token(PURPOSE, token)
