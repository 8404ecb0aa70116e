"""Content Security Policies besides the app's own (which stands in the settings)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from csp.constants import NONE, SELF
from django.conf import settings


def respondent_policy(frame_ancestors: Iterable[str] = ()) -> dict[str, list[Any] | bool]:
    """The policy of pages that respondents see: no nonce, no inline script, no Trusted Types policy at all.

    ``frame_ancestors`` are the origins that may embed the page (a survey's allowed sites); none means nobody.
    """
    policy: dict[str, list[Any] | bool] = {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [*frame_ancestors] or [NONE],
        "require-trusted-types-for": ["'script'"],
        "trusted-types": [NONE],
        "report-uri": ["/csp/"],
    }
    if settings.IS_HTTPS:
        policy["upgrade-insecure-requests"] = True
    return policy
