"""How allauth behaves here: the true client, secrets at rest, mails that may fail."""

import smtplib
from typing import Any, Final

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest
from django.urls import reverse

from apps.accounts.clients import client_ip
from cxm.secrets import SecretUnreadable, decrypt_secret, encrypt_secret

PURPOSE: Final = "cxm mfa secrets v1"

log = structlog.get_logger(__name__)


class AccountAdapter(DefaultAccountAdapter):
    """Sign-in by e-mail address, for every organisation of this installation."""

    def get_client_ip(self, request: HttpRequest) -> str:
        """The true client, whose address the rate limits count; never an error for an odd header."""
        return client_ip(request) or "0.0.0.0"  # noqa: S104

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("security")

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send one of allauth's mails. A mail server that does not answer never stops somebody from signing in.

        Only the kind of mail is logged, never the address: the person can ask for the mail again.
        """
        try:
            super().send_mail(template_prefix, email, context)
        except (smtplib.SMTPException, OSError) as error:
            log.error("account_mail_failed", mail=template_prefix, error=type(error).__name__)

    def format_email_subject(self, subject: str) -> str:
        """The subject as the template has it; the sender's name already says where it comes from."""
        return str(subject)


class MFAAdapter(DefaultMFAAdapter):
    """TOTP seeds and recovery codes are encrypted at rest with a key derived from ``SECRET_KEY``."""

    def encrypt(self, text: str) -> str:
        return encrypt_secret(PURPOSE, text)

    def decrypt(self, encrypted_text: str) -> str:
        """The text again.

        Raises SecretUnreadable when SECRET_KEY was changed without keeping the old one in SECRET_KEY_FALLBACKS.
        """
        try:
            return decrypt_secret(PURPOSE, encrypted_text)
        except SecretUnreadable:
            log.error("mfa_secret_unreadable", advice="Put the previous SECRET_KEY into SECRET_KEY_FALLBACKS.")
            raise
