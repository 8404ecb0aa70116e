"""The rows of an import in order, in a file of their own: read once from whatever was uploaded, then taken up anywhere.

One line of JSON a row: its line in the upload, what is wrong with it, its cells, and its identity. The identity of a
row without a number depends on all rows above it, and a workbook cannot be entered in the middle; a line of this file
can, by its byte offset. So a worker that takes over reads nothing twice, however often that happens (docs/adr/0106).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec
from django.conf import settings

from apps.imports.files import Table
from apps.imports.kinds import KINDS
from apps.imports.mapping import ColumnMapping, RowNumbers
from apps.imports.models import ImportJob

REPORT_EVERY = 2_000
"""Rows between two reports of how far the reading is."""


@dataclass(frozen=True, slots=True)
class StagedRow:
    """One row on its way in: ``order`` is its place in the file, from 0."""

    order: int
    line: int
    problem: str
    cells: list[str]
    values: dict[str, str]


_decode = msgspec.json.Decoder(tuple[int, str, list[str], str]).decode


def file_of(job: ImportJob) -> Path:
    """Where the uploaded file lies: a folder of the organisation, a random name."""
    return Path(settings.MEDIA_ROOT) / job.file


def staged_file_of(job: ImportJob) -> Path:
    """Where its rows lie once they are in order."""
    return file_of(job).with_suffix(".rows")


def remove_files(job: ImportJob) -> None:
    """Remove what lies on the disk for a job, whatever a killed worker left too."""
    if not job.file:
        return
    upload = file_of(job)
    for path in (upload, *upload.parent.glob(f"{upload.name}.*")):
        path.unlink(missing_ok=True)


def stage_rows(job: ImportJob, table: Table, mapping: ColumnMapping, report: Callable[[int], None]) -> int:
    """Put the table's rows in order; returns how many there are. ``report`` is told now and then, and may raise."""
    numbers = RowNumbers() if KINDS[mapping.kind].has_numbers else None
    part = file_of(job).with_suffix(f".{uuid.uuid4().hex}.part")
    count = 0
    encode = msgspec.json.Encoder().encode
    try:
        with part.open("xb", buffering=1 << 20) as file:
            part.chmod(0o600)
            for row in table.rows():
                identity = ""
                if numbers is not None and not row.problem:
                    values = mapping.values(row.cells)
                    identity = "" if "source_id" in values else numbers.source_id(values)
                file.write(encode((row.line, row.problem, row.cells, identity)) + b"\n")
                count += 1
                if count % REPORT_EVERY == 0:
                    report(count)
        report(count)
        part.replace(staged_file_of(job))
    finally:
        part.unlink(missing_ok=True)
    return count


class StagedRows:
    """The rows of a job from its offset on, a chunk at a time; ``offset`` is the byte after the chunk given last."""

    def __init__(self, job: ImportJob, mapping: ColumnMapping) -> None:
        self._file = staged_file_of(job).open("rb", buffering=1 << 20)
        self._file.seek(job.offset)
        self._mapping = mapping
        self._order = job.position
        self.offset = job.offset

    def chunks(self, size: int) -> Iterator[list[StagedRow]]:
        """The rows that are left."""
        with self._file:
            while lines := list(islice(self._file, size)):
                self.offset += sum(map(len, lines))
                yield [self._row(line) for line in lines]

    def _row(self, raw: bytes) -> StagedRow:
        line, problem, cells, identity = _decode(raw)
        values = self._mapping.values(cells)
        if identity:
            values["source_id"] = identity
        order = self._order
        self._order += 1
        return StagedRow(order, line, problem, cells, values)
