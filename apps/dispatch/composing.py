"""Which words a message has: from a survey's published version, a batch and a plan to what can be filled in."""

from __future__ import annotations

from email.utils import formataddr, parseaddr
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.urls import reverse

from apps.dispatch.eligibility import organization_rules
from apps.dispatch.models import InvitationBatch
from apps.dispatch.rendering import Brand, CompiledMail, Question, compile_invitation
from apps.dispatch.text_messages import CompiledText, compile_text_message
from apps.dispatch.texts import Texts
from apps.organizations.branding import on_colour
from apps.organizations.models import Organization
from apps.surveys.live import published_definition
from apps.surveys.models import Survey

DEFAULT_ACCENT: Final = "#0F766E"


def compiled_mail(
    *, organization: Organization, survey: Survey, batch: InvitationBatch, language: str, reminder: bool = False
) -> CompiledMail:
    """The mail of a batch in one language, from the published definition. Raises where there is none."""
    cap = organization_rules(organization).everything
    return _compiled_once(
        brand=brand_of(organization),
        question=_question(survey, language),
        language=language or organization.default_language,
        touchpoint=survey.touchpoint.name if survey.touchpoint else "",
        subject=batch.subject,
        opening=batch.opening,
        texts=_texts(batch, language or organization.default_language),
        limit=cap.limit,
        days=cap.days,
        reminder=reminder,
        member=survey.audience == Survey.Audience.EMPLOYEES,
    )


def compiled_text(
    *, organization: Organization, survey: Survey, batch: InvitationBatch, language: str, reminder: bool = False
) -> CompiledText:
    """The text message of a batch in one language."""
    language = language or organization.default_language
    return compile_text_message(
        organization=organization.name,
        question=_question(survey, language).text,
        language=language,
        touchpoint=survey.touchpoint.name if survey.touchpoint else "",
        texts=_texts(batch, language),
        reminder=reminder,
    )


def _texts(batch: InvitationBatch, language: str) -> Texts | None:
    """The plan's own words, where the batch is a plan's and it has some."""
    return Texts.in_language(batch.plan.texts, language) if batch.plan and batch.plan.texts else None


def _question(survey: Survey, language: str) -> Question:
    definition = published_definition(survey.pk, survey.current_version or 0)
    headline = definition.headline
    if headline is None:
        first = next(iter(definition.questions.values()), None)
        return Question(text=definition.text(first.title, language) if first else survey.name)
    labels = headline.labels
    return Question(
        text=definition.text(headline.title, language),
        scores=range(headline.low, headline.high + 1),
        lowest_label=definition.text(labels.get(headline.low, {}), language),
        highest_label=definition.text(labels.get(headline.high, {}), language),
    )


_compiled_once = lru_cache(maxsize=256)(compile_invitation)


def brand_of(organization: Organization) -> Brand:
    """How the organisation looks in its mail."""
    accent = organization.accent or DEFAULT_ACCENT
    logo = f"{settings.BASE_URL}{reverse('organization_logo', args=[organization.slug])}" if organization.logo else ""
    return Brand(organization=organization.name, accent=accent, on_accent=on_colour(accent), logo=logo)


def sender_of(organization: Organization) -> str:
    """The From of the organisation's mail: its name, the installation's address."""
    return formataddr((organization.name, parseaddr(settings.DEFAULT_FROM_EMAIL)[1]))


def message_id(tenant_id: UUID, invitation_id: UUID, reminder: int = 0) -> str:
    """The Message-ID of an invitation, or of its first, second reminder: the same however often it is sent."""
    suffix = f".r{reminder}" if reminder else ""
    return f"<{invitation_id.hex}{suffix}.{tenant_id.hex}@{urlsplit(settings.BASE_URL).hostname or 'localhost'}>"
