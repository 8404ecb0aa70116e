"""Small CSV files people upload to settings pages. Pure: bytes in, rows out.

Large data files go through ``apps.imports``; a list of colleagues or teams is read in one request.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from cxm.errors import DomainError

MOST_BYTES: Final = 1024 * 1024
LONGEST_CELL: Final = 1000


@dataclass(frozen=True)
class Row:
    """One line of the file below its header: ``line`` counts from 1 as an editor does."""

    line: int
    values: dict[str, str]


@dataclass(frozen=True)
class RowError:
    """Why one line was not taken."""

    line: int
    field: str
    message: str


def read_rows(content: bytes, *, required: Sequence[str], optional: Sequence[str] = (), most: int) -> list[Row]:
    """The rows of a CSV file with a header line, cells stripped, empty lines skipped, other columns ignored.

    UTF-8 with or without byte order mark; comma, semicolon or tab. Raises DomainError on field ``file`` when the
    file is empty, too large, not text, has no such columns or more than ``most`` rows.
    """
    if len(content) > MOST_BYTES:
        raise _refuse(_("This file is larger than 1 MB. Split it."))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refuse(_("This file is not text in UTF-8. Save it as “CSV UTF-8” and try again.")) from None
    if "\x00" in text:
        raise _refuse(_("This file is not text. Save it as CSV and try again."))
    if not text.strip():
        raise _refuse(_("This file is empty."))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader)]
        for name in required:
            if name not in header:
                raise _refuse(
                    _("The first line must name the columns %(names)s.") % {"names": ", ".join([*required, *optional])}
                )
        wanted = {name: header.index(name) for name in (*required, *optional) if name in header}
        rows: list[Row] = []
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(rows) >= most:
                raise _refuse(_("This file has more than %(most)d rows. Split it.") % {"most": most})
            values = {name: cells[at].strip()[:LONGEST_CELL] if at < len(cells) else "" for name, at in wanted.items()}
            rows.append(Row(reader.line_num, values))
    except csv.Error:
        raise _refuse(
            _("Line %(line)d cannot be read: check its quotation marks.") % {"line": reader.line_num}
        ) from None
    if not rows:
        raise _refuse(_("This file has a header but no rows."))
    return rows


def _delimiter(text: str) -> str:
    header = text.splitlines()[0]
    return max(",;\t", key=header.count)


def _refuse(message: str) -> DomainError:
    return DomainError(message, field="file", code="unreadable_file")
