"""The web server's way in: ``granian --interface wsgi cxm.wsgi:application``."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cxm.settings")

application = get_wsgi_application()

# After set-up, for the check reads the settings: links and sessions signed with a known key would be worth nothing.
from cxm.startup import refuse_unsafe_start  # noqa: E402

refuse_unsafe_start()
