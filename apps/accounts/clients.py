"""Who is at the other end of a request."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_ip(request: HttpRequest) -> str | None:
    """The client's address as the outermost of our own proxies saw it, or None when there is none to be had.

    Every proxy appends the address it was called from to X-Forwarded-For. With ``TRUSTED_PROXIES`` = n the n-th entry
    from the right was written by a machine of ours; everything left of it is the client's own claim.
    """
    trusted = settings.TRUSTED_PROXIES
    claimed = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    seen = claimed[-trusted] if 0 < trusted <= len(claimed) else request.META.get("REMOTE_ADDR", "")
    return _address(seen)


def device_name(user_agent: str) -> str:
    """What people call the browser and system behind a User-Agent header: "Firefox, Windows"; "" when it is unknown."""
    browser = next((name for sign, name in _BROWSERS if sign in user_agent), "")
    system = next((name for sign, name in _SYSTEMS if sign in user_agent), "")
    return ", ".join(name for name in (browser, system) if name)


#: Signs in the header, the more telling first: every browser also claims to be an older one.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def _address(text: str) -> str | None:
    """The address in its usual form, a port or brackets around it left out; None when it is none."""
    text = text.strip()
    if text.startswith("[") and "]" in text:
        text = text[1 : text.index("]")]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(address)
