"""What this app adds to the shell."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from cxm.web.palette import register_command

register_command(label=_("My mentions"), icon="at", url_name="comments:mentions", permission="comments.write")
