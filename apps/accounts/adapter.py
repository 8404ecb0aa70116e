"""How allauth behaves here: the true client, secrets at rest, mails that may fail."""

import base64
import smtplib
from typing import Any

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from apps.accounts.clients import client_ip

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
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """The text again.

        Raises InvalidToken when SECRET_KEY was changed without keeping the old one in SECRET_KEY_FALLBACKS.
        """
        try:
            return _cipher().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            log.error("mfa_secret_unreadable", advice="Put the previous SECRET_KEY into SECRET_KEY_FALLBACKS.")
            raise


def _cipher() -> MultiFernet:
    """Encrypts with the key in force, decrypts with the former ones too, so that SECRET_KEY can be rotated."""
    return MultiFernet([_fernet(str(secret)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _fernet(secret: str) -> Fernet:
    key = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"cxm mfa secrets v1").derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(key))
