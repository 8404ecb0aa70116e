"""What can go wrong while a message is handed over, told apart by what to do about it.

Something is wrong with this address (`AddressRefused`), with this message for now or for good (`MessageRefused`), or
with the way out as a whole (`ProviderUnavailable`: every other message would fail as well).
"""

from __future__ import annotations


class DeliveryError(Exception):
    """A message was not handed over. `code` is short and safe to store: it holds no address and no secret."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class AddressRefused(DeliveryError):
    """There is no such mailbox or telephone, for good: nothing is to be sent there again."""


class RecipientOptedOut(AddressRefused):
    """The provider knows that this person said stop."""


class MessageRefused(DeliveryError):
    """This message was not taken; `temporary` says whether trying again may help."""

    def __init__(self, code: str, *, temporary: bool) -> None:
        super().__init__(code)
        self.temporary = temporary


class ProviderUnavailable(DeliveryError):
    """No connection, wrong credentials, or over the limit: nothing is wrong with the message."""


class NoProvider(DeliveryError):
    """The organisation has no provider for this kind of message."""
