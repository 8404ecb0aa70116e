"""Who may call what: every view names the permission of each of its actions, and the actor has it or not."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

CHALLENGE = 'Bearer realm="api"'


class KeyAuthentication(BaseAuthentication):
    """Hands the key that the API middleware has already proven to DRF; `request.user` is the actor."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        actor = getattr(request._request, "actor", None)
        return None if actor is None else (actor, actor)

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class ActionPermission(BasePermission):
    """The actor must have the permission that `view.required_permissions` names for the action (or HTTP method)."""

    def has_permission(self, request: Any, view: Any) -> bool:
        permission = permission_for(view, request.method or "")
        return permission is None or request.actor.can(permission)


def permission_for(view: Any, method: str) -> str | None:
    """The permission of the view's current action; None when the view does not offer the method (405 follows).

    Raises ImproperlyConfigured when an action has no entry: nothing is open by forgetting.
    """
    action = getattr(view, "action", None)
    if action == "metadata":
        return None
    if action is None:
        if hasattr(view, "action_map") or not hasattr(view, method.lower()):
            return None
        action = "get" if method == "HEAD" else method.lower()
    try:
        return view.required_permissions[action]
    except KeyError:
        raise ImproperlyConfigured(f"{type(view).__name__} names no permission for {action!r}") from None
