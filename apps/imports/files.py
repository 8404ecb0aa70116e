"""Reading tables that people upload: CSV in whatever dialect and encoding, and XLSX. Pure: no database.

A table is a heading and rows; every row knows its line in the file, so that a refusal can be found again. Rows are
read one at a time: memory does not grow with the file.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from django.utils.translation import gettext as _

from cxm.errors import DomainError
from cxm.workbooks import BREAKAGES, read_rows

MAX_BYTES = 512 * 1024 * 1024
"""Largest upload: about three million rows of a usual CSV."""
MAX_UNPACKED_BYTES = 4 * 1024 * 1024 * 1024
"""Largest workbook once unpacked: a few kilobytes of zip can hold terabytes."""
MAX_COLUMNS = 500
MAX_CELL = 20_000
"""Characters of one cell; longer text is refused with its row, never cut."""
MAX_LINE = 4 * 1024 * 1024
"""Characters of one line of a CSV: more is no table, and would have to be held in memory whole."""

_DELIMITERS = ",;\t|"
_ZIP_MAGIC = b"PK\x03\x04"
_OLD_EXCEL_MAGIC = b"\xd0\xcf\x11\xe0"

csv.field_size_limit(2 * 1024 * 1024)


class UnreadableFile(DomainError):
    """The upload is not a table that we can read."""

    def __init__(self, message: str) -> None:
        super().__init__(message, field="file", code="unreadable_file")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line of the file it begins on (1 is the heading), and its cells as text, as many as the heading."""

    line: int
    cells: list[str]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """An uploaded table that can be read any number of times."""

    path: Path
    columns: list[str]
    is_workbook: bool = False
    encoding: str = "utf-8"
    delimiter: str = ","

    def rows(self) -> Iterator[Row]:
        """Its rows from the top, one at a time; rows with nothing in them are passed over."""
        return _workbook_rows(self) if self.is_workbook else _csv_rows(self)

    def as_json(self) -> dict[str, Any]:
        """What was found out about the file, so that it need not be found out again (:func:`known_table`)."""
        return {name: value for name, value in asdict(self).items() if name != "path"}


def known_table(path: Path, facts: dict[str, Any]) -> Table:
    """The table that :meth:`Table.as_json` told of. Reads nothing; raises FileNotFoundError when the file is gone."""
    if not path.is_file():
        raise FileNotFoundError(path)
    return Table(path, **facts)


def open_table(path: Path) -> Table:
    """Look at an uploaded file and read its heading.

    Reads a CSV through once, to learn its encoding (0.5 s for 200 MB), and the beginning of a workbook.

    Raises:
        UnreadableFile: empty, too large, binary, without rows, or with a heading that names no column or too many.
    """
    size = path.stat().st_size
    if size == 0:
        raise UnreadableFile(_("The file is empty. Choose a CSV or XLSX file with a heading and at least one row."))
    if size > MAX_BYTES:
        raise UnreadableFile(_("The file is larger than 512 MB. Split it into several files."))
    with path.open("rb") as file:
        head = file.read(65536)
    if head.startswith(_OLD_EXCEL_MAGIC):
        raise UnreadableFile(_("This is an old or protected Excel file. Save it as .xlsx or .csv and try again."))
    table = _open_workbook(path) if head.startswith(_ZIP_MAGIC) else _open_csv(path, head)
    if not any(column.strip() for column in table.columns):
        raise UnreadableFile(_("The first line must name the columns."))
    if len(table.columns) > MAX_COLUMNS:
        raise UnreadableFile(_("The file has more than 500 columns. Keep those you want to import."))
    if next(iter(table.rows()), None) is None:
        raise UnreadableFile(_("The file has a heading but no rows."))
    return table


# -- CSV ----------------------------------------------------------------------------------------------------------


def _open_csv(path: Path, head: bytes) -> Table:
    encoding = _encoding_of(path, head)
    text = head.decode(encoding, errors="ignore")
    if "\0" in text:
        raise UnreadableFile(_("This is not a text file. Save your table as CSV (UTF-8) or XLSX."))
    first_line = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(_DELIMITERS, key=first_line.count) if any(d in first_line for d in _DELIMITERS) else ","
    table = Table(path, [], encoding=encoding, delimiter=delimiter)
    with _text_of(table) as file:
        heading = next((cells for cells in _reader(file, delimiter) if any(c.strip() for c in cells)), [])
    return Table(path, _named(heading), encoding=encoding, delimiter=delimiter)


def _encoding_of(path: Path, head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        with path.open("rb") as file:
            decoder = io.TextIOWrapper(file, encoding="utf-8")
            while decoder.read(1 << 20):
                pass
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _text_of(table: Table) -> IO[str]:
    return table.path.open(encoding=table.encoding, errors="replace", newline="")


def _lines(file: IO[str]) -> Iterator[str]:
    """The lines of a file, none of them longer than MAX_LINE."""
    while line := file.readline(MAX_LINE):
        if len(line) == MAX_LINE and line[-1] not in "\r\n":
            raise UnreadableFile(_("A line of the file is longer than four million characters: this is not a table."))
        yield line


def _reader(file: IO[str], delimiter: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(_lines(file), delimiter=delimiter)
    except csv.Error as error:
        raise UnreadableFile(_("The file cannot be read as CSV: %(reason)s.") % {"reason": error}) from error


def _csv_rows(table: Table) -> Iterator[Row]:
    width = len(table.columns)
    with _text_of(table) as file:
        reader = csv.reader(_lines(file), delimiter=table.delimiter)
        heading_seen = False
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Row(line, [""] * width, str(error))
                continue
            if not any(cell.strip() for cell in cells):
                continue
            if not heading_seen:
                heading_seen = True
                continue
            yield _row(line, cells, width)


# -- XLSX ---------------------------------------------------------------------------------------------------------


def _open_workbook(path: Path) -> Table:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_UNPACKED_BYTES:
                raise UnreadableFile(_("The workbook is too large when unpacked. Save it as CSV."))
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise UnreadableFile(_("The file is damaged: it cannot be unpacked.")) from error
    heading = next((cells for _line, cells in _workbook_cells(path)), [])
    return Table(path, _named(heading), is_workbook=True)


def _workbook_cells(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        yield from read_rows(path)
    except FileNotFoundError:
        raise
    except BREAKAGES as error:
        raise UnreadableFile(_("The workbook cannot be read. Save it again as .xlsx or .csv.")) from error


def _workbook_rows(table: Table) -> Iterator[Row]:
    cells = _workbook_cells(table.path)
    next(cells, None)
    for line, values in cells:
        yield _row(line, values, len(table.columns))


# -- both -----------------------------------------------------------------------------------------------------------


def _named(heading: list[str]) -> list[str]:
    """Column names without surrounding space; a name used twice gets a number, so that each can be chosen."""
    names: list[str] = []
    for index, raw in enumerate(heading, start=1):
        name = raw.strip().lstrip("\ufeff").replace("\0", "")[:200] or f"Column {index}"
        candidate, number = name, 2
        while candidate in names:
            candidate, number = f"{name} ({number})", number + 1
        names.append(candidate)
    while names and names[-1].startswith("Column ") and not heading[len(names) - 1].strip():
        names.pop()
    return names


def _row(line: int, cells: list[str], width: int) -> Row:
    problem = ""
    if len(cells) > width and any(cell.strip() for cell in cells[width:]):
        problem = _("This line has more cells than the heading has columns.")
    if len(cells) != width:
        cells = (cells + [""] * width)[:width]
    if max(map(len, cells)) > MAX_CELL:
        problem = _("A cell is longer than 20,000 characters.")
        cells = [cell[:MAX_CELL] for cell in cells]
    if any("\0" in cell for cell in cells):
        problem = _("A cell holds a NUL character.")
        cells = [cell.replace("\0", "") for cell in cells]
    return Row(line, cells, problem)
