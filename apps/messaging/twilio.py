"""Text messages through Twilio's Messages resource."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import requests

from apps.messaging.addresses import hook_url
from apps.messaging.errors import (
    AddressRefused,
    DeliveryError,
    MessageRefused,
    ProviderUnavailable,
    RecipientOptedOut,
)
from apps.messaging.models import Provider
from apps.messaging.outgoing import base_url, open_session

_DEFAULT: Final = "https://api.twilio.com/2010-04-01/"

NO_SUCH_NUMBER: Final = frozenset({21211, 21214, 21217, 21614, 30005, 30006})
"""Not a number; not reachable; not a mobile; unknown handset; landline or unreachable carrier."""
OPTED_OUT: Final = frozenset({21610})
LATER: Final = frozenset({20429, 21611, 30001, 30002, 30003, 30008, 30017, 30022})
"""Too many at once; queue full; account suspended; handset off; unknown error; congestion."""
_OF_ACCOUNT: Final = frozenset({20003, 20005, 21212, 21603, 21606, 21659, 30002, 30010})
"""Wrong credentials, suspended, sender not ours, out of money: every other message would fail as well."""


class Twilio:
    """One account, over one connection for as long as the `with` block."""

    def __init__(self, provider: Provider, credentials: Mapping[str, str]) -> None:
        self._provider = provider
        self._credentials = credentials
        self._session: requests.Session | None = None

    def close(self) -> None:
        """End the connection."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def send(self, to: str, text: str, *, reference: UUID | None) -> str:
        """Hand one message over; Twilio's id of it. Raises `DeliveryError`."""
        if not to.startswith("+"):
            raise MessageRefused("phone_not_international", temporary=False)
        if self._session is None:
            self._session = open_session(self._provider.backend)
        account = self._credentials["account_sid"]
        report = hook_url(self._provider) + (f"?reference={reference.hex}" if reference else "")
        form = {"To": to, "Body": text, "StatusCallback": report}
        service = self._credentials.get("messaging_service_sid", "")
        form |= {"MessagingServiceSid": service} if service else {"From": self._provider.sender}
        try:
            answer = self._session.post(
                f"{base_url(self._provider.backend, _DEFAULT)}Accounts/{account}/Messages.json",
                data=form,
                auth=(account, self._credentials["auth_token"]),
            )
            body: Any = answer.json()
        except ValueError:
            raise ProviderUnavailable("not_understood") from None
        except requests.RequestException:
            raise ProviderUnavailable("no_connection") from None
        body = body if isinstance(body, dict) else {}
        if answer.status_code == requests.codes.created:
            return str(body.get("sid", ""))[:200]
        raise meaning(body.get("code"), answer.status_code)


def meaning(code: object, status: int = 400) -> DeliveryError:
    """What to do about an error code of Twilio's, or about the status of the answer where there is none."""
    number = int(code) if isinstance(code, int) or (isinstance(code, str) and code.isdecimal()) else 0
    label = f"twilio_{number}" if number else f"http_{status}"
    if number in OPTED_OUT:
        return RecipientOptedOut(label)
    if number in NO_SUCH_NUMBER:
        return AddressRefused(label)
    if number in _OF_ACCOUNT or status in (401, 403, 404, 429) or status >= 500:
        return ProviderUnavailable(label)
    return MessageRefused(label, temporary=number in LATER)
