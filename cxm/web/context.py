"""What every template knows."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


def shell(request: HttpRequest) -> dict[str, Any]:
    """The page's nonce, and the reader's own settings.

    Costs nothing until a template asks: the nonce is lazy, the rest are callables that read ``request.user``.
    """
    return {
        "csp_nonce": getattr(request, "csp_nonce", ""),
        "theme": lambda: getattr(_user(request), "theme", "auto"),
        "shortcuts_enabled": lambda: getattr(_user(request), "shortcuts_enabled", True),
    }


def _user(request: HttpRequest) -> Any:
    user = getattr(request, "user", None)
    return user if user is not None and user.is_authenticated else None
