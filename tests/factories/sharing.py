"""Share links."""

from __future__ import annotations

from typing import Any

from apps.sharing.models import ShareLink
from apps.sharing.services import create_share_link
from cxm.actor import Actor
from tests.factories.maps import a_journey_version
from tests.factories.registry import factory


def a_shared_key(kind: str = "journey", object_id: Any = None, **values: Any) -> tuple[ShareLink, str]:
    """A link with its key, to a published map unless something else is named."""
    identifier = object_id or a_journey_version().journey_id
    return create_share_link(actor=Actor.system("test"), kind=kind, object_id=identifier, **values)


@factory(ShareLink)
def a_share_link(**values: Any) -> ShareLink:
    """An open link to a published map."""
    return a_shared_key(**values)[0]
