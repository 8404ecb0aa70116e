"""How fast a provider may be sent to: so many a second over all processes, so many a day by what the rows say."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.timezone import now

from apps.dispatch.models import Invitation
from cxm.api.throttles import Limit, throttle
from cxm.scope import current_tenant_id

_LONGEST_REST: Final = timedelta(seconds=60)


class Pace:
    """The limits of one provider, asked before each message.

    Seconds are counted by a token bucket in Valkey that all processes share (by each process for itself while Valkey is
    away). A day is the organisation's; what was sent on it stands in the rows, read anew for every claim. Processes
    that send side by side may together pass a day's limit by what each had claimed.
    """

    def __init__(self, provider_id: UUID | None, per_second: int, per_day: int, zone: ZoneInfo) -> None:
        self.provider_id, self.per_second, self.per_day, self.zone = provider_id, per_second, per_day, zone
        self._left: int | None = None

    def begin_claim(self) -> None:
        """Read how much of the day is left."""
        if self.provider_id and self.per_day:
            midnight = datetime.combine(now().astimezone(self.zone).date(), time.min, self.zone)
            mine = Invitation.objects.filter(provider_id=self.provider_id)
            sent = mine.filter(sent_at__gte=midnight).count() + mine.filter(reminded_at__gte=midnight).count()
            self._left = max(0, self.per_day - sent)

    def rest_until(self) -> datetime | None:
        """Until when the next message has to rest; None when it may go now, which takes a token."""
        if self._left is not None and self._left <= 0:
            today = now().astimezone(self.zone).date()
            return datetime.combine(today + timedelta(days=1), time.min, self.zone)
        if self.provider_id and self.per_second:
            name = f"provider:{current_tenant_id()}:{self.provider_id}"
            if not throttle().take(name, Limit(self.per_second, self.per_second)).allowed:
                return now() + timedelta(seconds=1 / self.per_second)
        if self._left is not None:
            self._left -= 1
        return None

    def times(self, first: datetime, number: int) -> list[datetime]:
        """When each of `number` rows that have to rest is due again: one after the other, at the provider's pace."""
        if self._left is not None and self._left <= 0:
            return [first] * number
        gap = timedelta(seconds=1 / self.per_second)
        return [first + min(place * gap, _LONGEST_REST) for place in range(number)]
