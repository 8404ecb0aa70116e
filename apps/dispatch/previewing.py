"""Looking at a message before anybody gets it: in a frame, light, dark or as plain text; and one for oneself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from csp.constants import HEADER as CSP_HEADER
from django.conf import settings
from django.http import HttpResponse
from django.template.defaultfilters import linebreaks_filter
from django.utils.html import format_html
from django.utils.translation import gettext as _

from apps.dispatch.channels import TEXT_CHANNELS
from apps.dispatch.composing import compiled_mail, compiled_text, message_id, sender_of
from apps.dispatch.models import InvitationBatch, SendPlan
from apps.dispatch.rendering import Recipient, Rendered
from apps.dispatch.text_messages import parts_of
from apps.dispatch.transport import TransportError, open_transport
from apps.organizations.models import Organization
from apps.surveys.models import Survey
from cxm.errors import Conflict, DomainError
from cxm.ids import uuid7

MAIL_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
"""A mail is somebody's words in our frame: no script, no form, nothing loaded; its links open beside."""

LIGHT, DARK, TEXT = "light", "dark", "text"
_DARK_RULE: Final = re.compile(r"@media\s*\(\s*prefers-color-scheme\s*:\s*dark\s*\)")


@dataclass(frozen=True, slots=True)
class PreviewedMail:
    """Which form of the message to show: light, dark or plain text; in which language; the reminder or the first."""

    show: str = LIGHT
    language: str = ""
    reminder: bool = False

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """From what a form or an address says; what it does not know is the default."""
        show = str(values.get("show", ""))
        return cls(
            show if show in (LIGHT, DARK, TEXT) else LIGHT,
            str(values.get("preview_language", ""))[:10],
            str(values.get("preview_reminder", "")) == "1",
        )


def preview_of(
    organization: Organization, plan: SendPlan, *, texts: Any, channel: str, wish: PreviewedMail
) -> HttpResponse:
    """A document for the frame. Until the survey is published, or while the words are wrong, it says so."""
    try:
        if plan.survey.state != Survey.State.LIVE:
            raise Conflict(_("Publish the survey to see the message: it shows the published question."))
        if channel in TEXT_CHANNELS:
            text = _text(organization, plan, texts, wish)
            parts = _("Parts of 160 characters that it is paid for: %(n)d") % {"n": parts_of(text)}
            return _lines(f"{text}\n\n{parts}", wish)
        mail = _mail(organization, plan, texts, wish)
    except DomainError as error:
        return _lines(error.errors[0]["message"] if error.errors else str(error), wish)
    if wish.show == TEXT:
        return _lines(f"{mail.subject}\n\n{mail.text}", wish)
    # A frame has the colours of the reader's system, so the dark ones are switched on or off by hand.
    html = _DARK_RULE.sub("@media all" if wish.show == DARK else "@media not all", mail.html)
    return mail_document(html)


def send_test(organization: Organization, plan: SendPlan, *, to: Any, wish: PreviewedMail) -> None:
    """Send the message as it is saved to one colleague, with a link that belongs to nobody.

    Raises `DomainError` when it cannot be sent, or for a channel that is not mail.
    """
    if plan.channel in TEXT_CHANNELS:
        raise DomainError(_("A test goes by mail only. Look at the text in the preview."), field="channel")
    if plan.survey.state != Survey.State.LIVE:
        raise Conflict(_("Publish the survey first: the message shows the published question."), code="not_live")
    mail = _mail(organization, plan, plan.texts, wish)
    reference = uuid7()
    try:
        with open_transport() as transport:
            transport.send(
                replace(mail, subject=_("[Test] %(subject)s") % {"subject": mail.subject}),
                sender=sender_of(organization),
                recipient=to.email,
                message_id=message_id(organization.pk, reference),
                headers={"Auto-Submitted": "auto-generated"},
                reply_to=plan.reply_to,
            )
    except TransportError as error:
        message = _("The test could not be sent (%(code)s). Try again, or look at the provider in the settings.")
        raise DomainError(message % {"code": error.code}, field="channel", code="not_sent") from None


def mail_document(html: str) -> HttpResponse:
    """A mail's HTML as a document for a frame of ours, under a policy that lets it do nothing but open links."""
    document = html.replace("<head>", '<head><base target="_blank">', 1)
    response = HttpResponse(document, headers={CSP_HEADER: MAIL_POLICY, "Cache-Control": "private, no-store"})
    response.xframe_options_exempt = True  # type: ignore[attr-defined]
    return response


def _mail(organization: Organization, plan: SendPlan, texts: Any, wish: PreviewedMail) -> Rendered:
    language = _language(plan, wish)
    mail = compiled_mail(
        organization=organization,
        survey=plan.survey,
        batch=_batch(plan, texts),
        language=language,
        reminder=wish.reminder,
    )
    return mail.render(_recipient())


def _text(organization: Organization, plan: SendPlan, texts: Any, wish: PreviewedMail) -> str:
    text = compiled_text(
        organization=organization,
        survey=plan.survey,
        batch=_batch(plan, texts),
        language=_language(plan, wish),
        reminder=wish.reminder,
    )
    return text.render(_recipient())


def _language(plan: SendPlan, wish: PreviewedMail) -> str:
    languages = plan.survey.languages or ["en"]
    return wish.language if wish.language in languages else str(languages[0])


def _batch(plan: SendPlan, texts: Any) -> InvitationBatch:
    """A batch that is never stored, of a plan with these words."""
    return InvitationBatch(survey=plan.survey, plan=SendPlan(survey=plan.survey, texts=texts or {}))


def _recipient() -> Recipient:
    """A link of the right form that belongs to nobody, and a name."""
    return Recipient(link=f"{settings.BASE_URL}/r/sample/", name=_("Lena Sample"))


def _lines(text: str, wish: PreviewedMail) -> HttpResponse:
    """Plain text as a small document."""
    return mail_document(
        format_html(
            '<!doctype html><html lang="{}"><head><meta charset="utf-8"><title>{}</title></head>'
            '<body dir="auto">{}</body></html>',
            wish.language or "en",
            _("Plain text"),
            linebreaks_filter(text, autoescape=True),
        )
    )
