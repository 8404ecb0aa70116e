"""The web server's way in: ``granian --interface wsgi cxm.wsgi:application``."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cxm.settings")

_django = get_wsgi_application()

# After set-up, for both read the settings. Links and sessions signed with a known key would be worth nothing.
from cxm.db.base import DatabaseWrapper  # noqa: E402
from cxm.db.limits import PAGE_STATEMENT_SECONDS  # noqa: E402
from cxm.draining import DrainedBodies  # noqa: E402
from cxm.ingest import FastLane  # noqa: E402
from cxm.startup import refuse_unsafe_start  # noqa: E402

refuse_unsafe_start()
DatabaseWrapper.statement_seconds = PAGE_STATEMENT_SECONDS
application = DrainedBodies(FastLane(_django))
