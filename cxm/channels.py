"""By which way a company and its customers meet."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Channel(models.TextChoices):
    """The channels of the public interface (api.md)."""

    WEB = "web", _("Web")
    APP = "app", _("App")
    EMAIL = "email", _("E-mail")
    PHONE = "phone", _("Phone")
    SMS = "sms", _("SMS")
    CHAT = "chat", _("Chat")
    SOCIAL = "social", _("Social media")
    IN_PERSON = "in_person", _("In person")
    MAIL = "mail", _("Letter")
    KIOSK = "kiosk", _("Kiosk")
    QR = "qr", _("QR code")
    WIDGET = "widget", _("Widget")
    API = "api", _("API")
    OTHER = "other", _("Other")
