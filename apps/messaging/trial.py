"""Trying out a provider: one real message, and how it fared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.customers.rules import clean_phone
from apps.messaging.errors import (
    AddressRefused,
    DeliveryError,
    MessageRefused,
    NoProvider,
    ProviderUnavailable,
    RecipientOptedOut,
)
from apps.messaging.mail import ProviderMail
from apps.messaging.models import Provider
from apps.messaging.transports import text_transport
from cxm.errors import DomainError
from cxm.ids import uuid7

_MEANING: Final[tuple[tuple[type[DeliveryError], str | Promise], ...]] = (
    (RecipientOptedOut, gettext_lazy("The provider knows that this recipient said stop.")),
    (AddressRefused, gettext_lazy("The provider says that there is no such recipient.")),
    (MessageRefused, gettext_lazy("The provider did not take the message. Is the sender confirmed there?")),
    (ProviderUnavailable, gettext_lazy("The provider refused the account or could not be reached. Check the keys.")),
    (NoProvider, gettext_lazy("There is no provider.")),
)


@dataclass(frozen=True, slots=True)
class Trial:
    """How a test message fared: taken, or why not and under which code."""

    accepted: bool
    message: str
    code: str = ""


def send_trial(provider: Provider, *, to: str, organization: str) -> Trial:
    """Send one message to `to` through this provider, switched on or not. Never raises for one that refuses.

    Takes up to 25 seconds: call it outside of a transaction. Raises `DomainError` for a number that is none.
    """
    text = _("This message was sent from the settings page. If you can read it, sending works.")
    try:
        if provider.kind == Provider.Kind.SMS:
            message_id = _send_text(provider, to, f"{organization}: {text}")
        else:
            message_id = _send_mail(provider, to, organization, text)
    except DeliveryError as error:
        meaning = next(words for kind, words in _MEANING if isinstance(error, kind))
        return Trial(False, str(meaning), error.code)
    return Trial(True, _("The provider took the message. It should arrive within a minute."), message_id)


def _send_text(provider: Provider, to: str, text: str) -> str:
    try:
        number = clean_phone(to) or ""
    except ValueError as error:
        raise DomainError(str(error), field="to") from None
    if not number.startswith("+"):
        raise DomainError(
            _("Write the number with its country, for example +49 30 123456."), field="to", code="required"
        )
    with text_transport(provider) as transport:
        return transport.send(number, text)


def _send_mail(provider: Provider, to: str, organization: str, text: str) -> str:
    mail = ProviderMail(provider)
    try:
        return mail.send(
            subject=_("Test mail"),
            html=f"<!DOCTYPE html><html><body><p>{text}</p></body></html>",
            text=f"{text}\n\n{settings.BASE_URL}\n",
            sender=provider.sender,
            recipient=to,
            message_id=f"<test.{uuid7().hex}@{provider.sender.rpartition('@')[2]}>",
            headers={"Auto-Submitted": "auto-generated"},
        )
    finally:
        mail.close()
