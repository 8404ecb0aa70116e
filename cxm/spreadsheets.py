"""Tables for spreadsheets, in which nothing that somebody typed is ever a live formula or link."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

FORMULA_STARTS = tuple("=+-@|\t\r\n＝＋－＠％｜")
"""What a spreadsheet takes for the start of a formula, full-width forms too."""


def safe_cell(value: object) -> object:
    """A cell as it may stand in a CSV: text that would run gets an apostrophe in front; numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return value
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    text = str(value)
    return f"'{text}" if text.lstrip(" \u00a0\u3000").startswith(FORMULA_STARTS) else text


def csv_lines(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """CSV text with CRLF line ends, a row at a time, for a streamed answer."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    for row in rows:
        writer.writerow([safe_cell(cell) for cell in row])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def write_csv(path: Path, rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file with a byte order mark, which spreadsheets need to see UTF-8."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        file.writelines(csv_lines(rows))


def write_xlsx(path: Path, rows: Iterable[Sequence[object]], sheet: str = "Export") -> None:
    """Write a workbook in constant memory; text is text, never a formula, number or link. 1,048,576 rows at most."""
    import xlsxwriter  # only workers write workbooks

    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "default_date_format": "yyyy-mm-dd hh:mm",
        "remove_timezone": True,
    }
    with xlsxwriter.Workbook(str(path), options) as book:
        page = book.add_worksheet(sheet)
        bold = book.add_format({"bold": True})
        page.freeze_panes(1, 0)
        for number, row in enumerate(rows):
            for column, value in enumerate(row):
                if isinstance(value, str):
                    page.write_string(number, column, value[:32767], bold if number == 0 else None)
                elif isinstance(value, bool):
                    page.write_boolean(number, column, value)
                elif isinstance(value, int | float | dt.datetime | dt.date):
                    page.write(number, column, value)
                elif value is not None:
                    page.write_string(number, column, str(value)[:32767])
