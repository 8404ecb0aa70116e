"""The built-in mailbox: where mail goes while no mail server is configured (no `EMAIL_URL`).

`MailboxBackend` is Django's e-mail backend, so everything that sends mail, sign-in included, lands here. A mail sent
while an organisation is in force belongs to that organisation and is read on its mailbox page; every other mail is
about somebody's account (codes, resets), belongs to nobody, and is read on the machine itself or by platform staff.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.timezone import now

from apps.dispatch.models import MailboxMessage
from cxm.scope import current_scope

LONGEST_SUBJECT = 400
KEPT_FOR = timedelta(days=30)


class MailboxBackend(BaseEmailBackend):
    """Keeps mail in the database instead of sending it."""

    def __init__(self, fail_silently: bool = False, **_: Any) -> None:
        super().__init__(fail_silently=fail_silently)

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Keep the messages, in the caller's transaction; the number kept."""
        return len(MailboxMessage.objects.bulk_create([_kept(message) for message in email_messages]))


def keep(*, to: str, subject: str, html: str, text: str, headers: dict[str, str]) -> MailboxMessage:
    """Keep one mail of the organisation in force (or of nobody, when there is none)."""
    return MailboxMessage.objects.create(
        organization_id=_organization_in_force(),
        to=to,
        subject=subject[:LONGEST_SUBJECT],
        html=html,
        text=text,
        headers=headers,
    )


def _kept(message: EmailMessage) -> MailboxMessage:
    alternatives: Sequence[Any] = message.alternatives if isinstance(message, EmailMultiAlternatives) else []
    html = next((str(part.content) for part in alternatives if part.mimetype == "text/html"), "")
    body = str(message.body)
    if message.content_subtype == "html":
        html, body = body, ""
    return MailboxMessage(
        organization_id=_organization_in_force(),
        to=", ".join(message.recipients()),
        subject=str(message.subject)[:LONGEST_SUBJECT],
        html=html,
        text=body,
        headers={"From": message.from_email, **{name: str(value) for name, value in message.extra_headers.items()}},
    )


def _organization_in_force() -> uuid.UUID | None:
    scope = current_scope()
    return scope if isinstance(scope, uuid.UUID) else None


def mailbox_key() -> str:
    """The secret part of the address of the account mails, the same until the installation's key changes."""
    return salted_hmac("apps.dispatch.mailbox", "account mails", algorithm="sha256").hexdigest()[:40]


def is_mailbox_key(text: str) -> bool:
    """Whether somebody knows the key."""
    return constant_time_compare(text, mailbox_key())


def forget_old_messages() -> int:
    """Remove kept mails after 30 days; how many."""
    deleted, _by_model = MailboxMessage.objects.filter(created_at__lt=now() - KEPT_FOR).delete()
    return deleted
