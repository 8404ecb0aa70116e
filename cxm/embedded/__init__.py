"""PostgreSQL and Valkey from pinned wheels, run under the data directory: the real engines, with nothing to install.

:func:`ensure_services` is the door::

    with ensure_services(Path("var")) as services:
        os.environ.update(services.as_environment())

It starts what is not running, shares what is, and the last user's leaving stops it. How that works, and why a small
keeper process and not the caller owns the servers: docs/operating.md and docs/adr/0010.

This package never imports Django: it runs before the settings can be read.
"""

from cxm.embedded.errors import EmbeddedError
from cxm.embedded.services import ServiceUrls, ensure_services

__all__ = ["EmbeddedError", "ServiceUrls", "ensure_services"]
