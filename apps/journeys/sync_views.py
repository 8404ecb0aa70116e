"""What an open board asks again and again: what others did since, and who is here. And the pictures it shows."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.http import require_GET

from apps.journeys import presence
from apps.journeys.access import map_to_edit
from apps.journeys.models import Journey, MapChange
from apps.journeys.people import named
from cxm.scope import current_tenant_id
from cxm.web.http import MemberRequest

MOST_CHANGES = 200
"""A screen further behind than this loads the map anew."""

PICTURE = re.compile(r"[0-9a-f]{32}")


@require_GET
def changes(request: MemberRequest, pk: UUID) -> HttpResponse:
    """The changes after revision `since`, in order, and who else has the map open.

    `at` is what the caller is working on, for the others to see. `reload` says that the changes cannot be told one by
    one (too many, too old) and the board has to be taken anew. Two queries beside those of every request, one more
    while changes name owners; nothing is written to the database.
    """
    journey = map_to_edit(request.actor, pk)
    since = _number(request.GET.get("since", ""))
    found, whole = _since(journey, since)
    who = presence.seen(request.actor, journey, request.GET.get("at", "")[:60])
    answer = JsonResponse(
        {
            "revision": journey.revision,
            "changes": [
                {
                    **change,
                    "revision": row.revision,
                    "by": row.actor_name,
                    "said": row.said,
                    "mine": row.actor_id == request.actor.id,
                }
                for row in found
                for change in row.changes
            ],
            "people": {key: person.as_json() for key, person in named(_owners(found)).items()},
            "who": [person.as_json() for person in who],
            "reload": not whole,
        }
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


def picture(request: MemberRequest, pk: UUID, name: str) -> HttpResponseBase:
    """A picture of a card. Its name is random and never given again: who knows it has seen the map."""
    path = f"{current_tenant_id()}/journeys/{name}.webp"
    if not PICTURE.fullmatch(name) or not default_storage.exists(path):
        raise Http404
    answer = FileResponse(
        default_storage.open(path), content_type="image/webp", as_attachment=True, filename="picture.webp"
    )
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    return answer


def _since(journey: Journey, since: int | None) -> tuple[list[MapChange], bool]:
    """The changes after a revision, and whether they are all there are. No query when nothing happened."""
    if since is None or since > journey.revision:
        return [], False
    missing = journey.revision - since
    if missing == 0:
        return [], True
    if missing > MOST_CHANGES:
        return [], False
    rows = MapChange.objects.filter(journey=journey, revision__gt=since, revision__lte=journey.revision)
    found = list(rows.order_by("revision"))
    return found, len(found) == missing


def _owners(rows: list[MapChange]) -> list[Any]:
    return [(change.get("state") or {}).get("owner") for row in rows for change in row.changes]


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
