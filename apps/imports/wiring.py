"""What this app adds to the registries of the shell."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.customers.retention import register_retention
from apps.customers.traces import register_trace
from apps.imports.holding import count_old_refused_rows, forget_person, remove_old_refused_rows
from cxm.queues import Queue, register_queue
from cxm.web.navigation import NavItem, register_nav
from cxm.web.palette import register_command

register_nav(
    NavItem(
        group="measure",
        label=_("Imports"),
        icon="file-import",
        url_name="imports:list",
        permission="imports.run",
        order=80,
    )
)
register_nav(
    NavItem(
        group="measure",
        label=_("Exports"),
        icon="file-export",
        url_name="imports:exports",
        permission="exports.run",
        order=90,
    )
)
register_trace("imports", forget_person)
register_retention(
    "refused_rows",
    label=_("Refused rows of imports"),
    effect=_("Removed; the import still says how many there were"),
    count=count_old_refused_rows,
    purge=remove_old_refused_rows,
)
UNCLAIMED = "state = 'queued' OR (state IN ('running', 'undoing') AND (leased_until IS NULL OR leased_until < now()))"
register_queue(Queue("imports", "imports_importjob", due=UNCLAIMED, since="coalesce(leased_until, created_at)"))
register_queue(Queue("exports", "imports_exportjob", due=UNCLAIMED, since="coalesce(leased_until, created_at)"))
register_command(label=_("Import a file"), icon="file-import", url_name="imports:create", permission="imports.run")
