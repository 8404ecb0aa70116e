"""What this app does when something happened."""

from typing import Any

from apps.organizations.invitation_mail import send_colleague_invitation
from apps.outbox.registry import handles


@handles("organizations.colleague_invited", name="organizations.send_colleague_invitation")
def send_invitation(payload: dict[str, Any]) -> None:
    """Mail the invitation. A mail server that is away is tried again; after eight times it is shown as parked work."""
    send_colleague_invitation(payload["invitation"])
