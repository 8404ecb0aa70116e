"""How a chunk of mapped rows becomes what it says, through the services that pages and the API call too."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from apps.imports.mapping import ColumnMapping
from apps.imports.models import ImportJob
from apps.imports.writers.base import RowWriter
from apps.imports.writers.customers import CustomerWriter
from apps.imports.writers.interactions import InteractionWriter
from apps.imports.writers.members import MemberWriter
from apps.imports.writers.responses import ResponseWriter
from apps.imports.writers.totals import TotalWriter

_WRITERS: dict[str, Callable[[ImportJob, ColumnMapping, ZoneInfo], RowWriter]] = {
    "responses": ResponseWriter,
    "customers": CustomerWriter,
    "interactions": InteractionWriter,
    "segment_members": MemberWriter,
    "totals": TotalWriter,
}


def writer_for(job: ImportJob, mapping: ColumnMapping, zone: ZoneInfo) -> RowWriter:
    """The writer of this job's kind of rows."""
    return _WRITERS[job.kind](job, mapping, zone)
