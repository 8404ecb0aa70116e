"""Calls to providers: through one client that never reaches private, loopback or metadata addresses.

Where a provider's interface stands is fixed in the code. Only the installation can point it elsewhere
(`CXM_PROVIDER_URLS`, for a stand-in on this machine), never an organisation.
"""

from __future__ import annotations

from typing import Final

import requests
from django.conf import settings
from requests_hardened import Config, HTTPSession

TIMEOUT: Final = (5, 20)
"""Seconds to connect, and to wait for an answer."""


def base_url(backend: str, default: str) -> str:
    """Where the interface of `backend` stands, with a slash at the end."""
    url = str(settings.CXM_PROVIDER_URLS.get(backend, default))
    return url if url.endswith("/") else f"{url}/"


def open_session(backend: str) -> requests.Session:
    """A session for calls to `backend`: no redirects, no proxies or passwords from the environment, filtered addresses.

    Loopback is open only where the installation itself pointed the backend to a stand-in.
    """
    session = HTTPSession(
        Config(
            ip_filter_enable=True,
            ip_filter_allow_loopback_ips=backend in settings.CXM_PROVIDER_URLS,
            never_redirect=True,
            default_timeout=TIMEOUT,
            user_agent_override="cxm",
        )
    )
    session.trust_env = False
    return session
