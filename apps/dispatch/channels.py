"""By which channels a survey is sent to somebody personally, and to what address. Pure."""

from __future__ import annotations

from typing import Final

from apps.touchpoints.models import Channel

MAIL_CHANNELS: Final = frozenset({Channel.EMAIL.value})
"""Sent to an e-mail address."""
TEXT_CHANNELS: Final = frozenset({Channel.SMS.value, Channel.CHAT.value})
"""Sent to a phone number, through the organisation's provider of text messages."""
PERSONAL_CHANNELS: Final = MAIL_CHANNELS | TEXT_CHANNELS
"""What an invitation may be sent by; every other channel shows a survey and sends nothing."""


def address_on(channel: str, *, email: str, phone: str) -> str | None:
    """Where somebody is reached on a channel: "" where there is no address, None where the channel needs none."""
    if channel in MAIL_CHANNELS:
        return email
    return phone if channel in TEXT_CHANNELS else None
