"""What requests carry after our middleware, for type checkers and readers."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from cxm.actor import Actor


class SignedInRequest(HttpRequest):
    """A request of somebody who is signed in: ``user`` is an ``apps.accounts.models.User``, never anonymous."""

    user: Any


class MemberRequest(SignedInRequest):
    """A request for a page of an organisation, by a member of it (``apps.organizations.middleware``).

    ``organization`` is an ``apps.organizations.models.Organization``, ``membership`` a ``Membership`` of it.
    """

    actor: Actor
    organization: Any
    membership: Any
    memberships: Any
