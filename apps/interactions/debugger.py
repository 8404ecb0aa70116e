"""The page for whoever connects a system: which events arrive, what came last, and what was refused and why."""

from __future__ import annotations

from typing import Final

from django.http import HttpResponse

from apps.interactions import event_queries
from apps.interactions.holding import readable
from cxm.web.http import MemberRequest
from cxm.web.views import permission_required, render_page

NAMES_SHOWN: Final = 100
LAST_SHOWN: Final = 50
SETTINGS_OF_SDKS: Final = (
    ("Segment, Python", 'analytics.write_key = "WRITE_KEY"\nanalytics.host = "%s"'),
    ("Segment, Node.js", 'new Analytics({ writeKey: "WRITE_KEY", host: "%s" })'),
    ("RudderStack, Python", 'rudder_analytics.write_key = "WRITE_KEY"\nrudder_analytics.dataPlaneUrl = "%s"'),
    ("RudderStack, Node.js", 'new RudderAnalytics("WRITE_KEY", { dataPlaneUrl: "%s" })'),
    ("HTTP", 'curl -u WRITE_KEY: %s/v1/track -d \'{"userId": "u-17", "event": "Paid"}\''),
)
"""How each library is pointed at us; the address takes the place of %s."""


@permission_required("interactions.view")
def events(request: MemberRequest) -> HttpResponse:
    """Names of events with their volume, the last interactions, refused messages, and how to connect. Four queries."""
    after = request.GET.get("after", "").replace("\x00", "")
    names = event_queries.event_names(request.actor, after=after, most=NAMES_SHOWN + 1)
    address = request.build_absolute_uri("/").rstrip("/")
    context = {
        "names": names[:NAMES_SHOWN],
        "more_after": names[NAMES_SHOWN - 1].event if len(names) > NAMES_SHOWN else "",
        "after": after,
        "last": [
            (row, readable(row, request.actor, row.properties))
            for row in event_queries.interactions(request.actor).order_by("-id")[:LAST_SHOWN]
        ],
        "refused": event_queries.refused_messages()[:LAST_SHOWN],
        "address": address,
        "sdks": [(name, sample % address) for name, sample in SETTINGS_OF_SDKS],
        "volume_days": event_queries.VOLUME_DAYS,
    }
    return render_page(request, "interactions/events.html", context, partial="events")
