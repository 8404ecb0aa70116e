"""The mail that invites a colleague."""

from typing import Any
from uuid import UUID

import css_inline
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from apps.organizations import branding, queries, roles
from apps.organizations.models import ColleagueInvitation, Organization
from apps.organizations.services.members import invitation_token
from cxm.scope import current_tenant_id

#: The product's own teal, where an organisation has no accent.
PRODUCT_ACCENT = "#0F766E"


def send_colleague_invitation(invitation_id: UUID | str) -> bool:
    """Send the mail of an invitation of the organisation in force, if it still waits for an answer.

    Returns whether one was sent. Raises what the mail server raises. A repetition carries the same Message-ID, so
    that a mailbox shows it once.
    """
    invitation = queries.open_invitations().filter(pk=invitation_id, expires_at__gt=timezone.now()).first()
    if invitation is None:
        return False
    organization = Organization.objects.get(pk=current_tenant_id())
    context = _context(invitation, organization)
    message = EmailMultiAlternatives(
        context["subject"],
        render_to_string("mail/message.txt", context),
        settings.DEFAULT_FROM_EMAIL,
        [invitation.email],
        headers={
            "Message-ID": f"<{invitation.pk}.{int(invitation.expires_at.timestamp())}@cxm>",
            "Auto-Submitted": "auto-generated",
        },
    )
    html = css_inline.inline(render_to_string("mail/message.html", context), load_remote_stylesheets=False)
    message.attach_alternative(html, "text/html")
    message.send()
    return True


def _context(invitation: ColleagueInvitation, organization: Organization) -> dict[str, Any]:
    accent = organization.accent or PRODUCT_ACCENT
    role = roles.ROLE_LABELS[invitation.role]
    inviter = str(invitation.invited_by) if invitation.invited_by else organization.name
    subject = _("%(inviter)s invites you to %(organization)s")
    names = {"inviter": inviter, "organization": organization.name, "role": role}
    return {
        "language": "en",
        "direction": "ltr",
        "subject": " ".join((subject % names).split()),
        "organization": organization.name,
        "accent": accent,
        "on_accent": branding.on_colour(accent),
        "lines": [
            _("%(inviter)s invites you to work with the customer experience of %(organization)s.") % names,
            _("Your role: %(role)s.") % names,
        ],
        "button": _("Accept the invitation"),
        "url": settings.BASE_URL + reverse("colleague_invitation", args=[invitation_token(invitation)]),
        "note": _("The link is for you alone and works until %(day)s. If you did not expect this, do nothing.")
        % {"day": date_format(invitation.expires_at, "j F Y")},
    }
