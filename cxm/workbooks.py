"""Reading the first sheet of an XLSX workbook row by row, in memory that does not grow with the workbook.

A workbook is a zip of XML: the sheet, its number formats, and the table of texts that the sheet's cells point into.
The sheet is streamed; the texts are put into a file of their own and looked up there (docs/adr/0106 has the figures
beside readers that load a sheet whole). No document type, so no entity, is ever taken.
"""

from __future__ import annotations

import datetime as dt
import mmap
import os
import posixpath
import re
import tempfile
import zipfile
import zlib
from array import array
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat

BLOCK = 1 << 18
MAX_TEXT = 2 * 1024 * 1024
"""Characters of one text; a longer one is nothing that a spreadsheet wrote."""
MAX_WIDTH = 501
"""Cells of a row that are kept: one more than a table may have columns, so that there being more is noticed."""

_DATE_IDS = {*range(14, 23), *range(27, 37), 45, 47, *range(50, 59)}
_NOT_FORMAT = re.compile(r'"[^"]*"|\\.|_.|\*.')
_ELAPSED = re.compile(r"\[[hms]+\]", re.IGNORECASE)
_BRACKETS = re.compile(r"\[[^\]]*\]")
_DATE_LETTERS = re.compile(r"[ymdhs]", re.IGNORECASE)
_PLAIN = re.compile(r"-?\d+(\.\d+)?")
_EPOCH_1900 = dt.datetime(1899, 12, 30)
_EPOCH_1904 = dt.datetime(1904, 1, 1)


class BrokenWorkbook(Exception):
    """The file is no workbook that can be read."""


BREAKAGES = (
    BrokenWorkbook, expat.ExpatError, zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError, OverflowError,
    NotImplementedError, RuntimeError, OSError,
)  # fmt: skip
"""What reading a damaged, encrypted or invented workbook may raise."""


def read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(number of the row, its cells as text) of the rows of the first sheet that hold anything.

    Dates come in ISO form, numbers as they would stand in a CSV, truth as ``true`` and ``false``. Raises one of
    BREAKAGES.
    """
    with ExitStack() as stack:
        archive = stack.enter_context(zipfile.ZipFile(path))
        book = _read_book(archive)
        texts = stack.enter_context(_Texts(archive, book.texts))
        sheet = stack.enter_context(archive.open(book.sheet))
        yield from _Sheet(texts, _date_styles(archive, book.styles), book.epoch).rows(sheet)


# -- parts ---------------------------------------------------------------------------------------------------------


class _Book:
    """Where the parts of the workbook lie."""

    def __init__(self, sheet: str, texts: str | None, styles: str | None, epoch: dt.datetime) -> None:
        self.sheet, self.texts, self.styles, self.epoch = sheet, texts, styles, epoch


def _read_book(archive: zipfile.ZipFile) -> _Book:
    found: dict[str, Any] = {"first": None, "is_1904": False}
    targets: dict[str, tuple[str, str]] = {}

    def book_element(name: str, attributes: dict[str, str]) -> None:
        if name == "sheet" and found["first"] is None:
            found["first"] = next((v for k, v in attributes.items() if k.rpartition(":")[2] == "id"), "")
        elif name == "workbookPr":
            found["is_1904"] = attributes.get("date1904") in ("1", "true")

    def relation(name: str, attributes: dict[str, str]) -> None:
        if name == "Relationship":
            kind = attributes.get("Type", "").rpartition("/")[2]
            targets[attributes.get("Id", "")] = (kind, attributes.get("Target", ""))

    _scan(archive, "xl/workbook.xml", book_element)
    _scan(archive, "xl/_rels/workbook.xml.rels", relation)
    if found["first"] not in targets:
        raise BrokenWorkbook("no sheet")

    def part(kind: str) -> str | None:
        return next((_part_name(target) for of, target in targets.values() if of == kind), None)

    return _Book(
        _part_name(targets[found["first"]][1]),
        part("sharedStrings"),
        part("styles"),
        _EPOCH_1904 if found["is_1904"] else _EPOCH_1900,
    )


def _part_name(target: str) -> str:
    return target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"xl/{target}")


def _date_styles(archive: zipfile.ZipFile, part: str | None) -> frozenset[str]:
    """The style numbers (as they stand in cells) under which a number is a date or a time."""
    if part is None or part not in archive.namelist():
        return frozenset()
    formats: dict[str, str] = {}
    styles: list[str] = []
    inside: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "numFmt":
            formats[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
        elif name in ("cellXfs", "cellStyleXfs"):
            inside[:] = [name]
        elif name == "xf" and inside == ["cellXfs"]:
            styles.append(attributes.get("numFmtId", "0"))

    _scan(archive, part, start)
    return frozenset(str(index) for index, number in enumerate(styles) if _is_date(number, formats.get(number)))


def _is_date(number: str, code: str | None) -> bool:
    if code is None:
        return number.isdigit() and int(number) in _DATE_IDS
    code = _NOT_FORMAT.sub("", code.split(";")[0])
    return not _ELAPSED.search(code) and _DATE_LETTERS.search(_BRACKETS.sub("", code)) is not None


# -- XML -----------------------------------------------------------------------------------------------------------


def _parser() -> Any:
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def refuse(*_declaration: object) -> None:
        raise BrokenWorkbook("a document type")

    parser.StartDoctypeDeclHandler = refuse
    return parser


class _Names(dict[str, str]):
    """Element names without their prefix."""

    def __missing__(self, name: str) -> str:
        local = name.rpartition(":")[2]
        if len(self) < 1000:
            self[name] = local
        return local


def _scan(archive: zipfile.ZipFile, part: str, start: Callable[[str, dict[str, str]], None]) -> None:
    """Call ``start`` for every element of a part."""
    names = _Names()
    parser = _parser()
    parser.StartElementHandler = lambda name, attributes: start(names[name], attributes)
    with archive.open(part) as stream:
        while block := stream.read(BLOCK):
            parser.Parse(block, False)
    parser.Parse(b"", True)


class _Texts:
    """The shared texts, in a file that has no name; read from the workbook only as far as they are asked for."""

    def __init__(self, archive: zipfile.ZipFile, part: str | None) -> None:
        self._ends = array("Q")
        self._size = 0
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed on exit
        self._map: mmap.mmap | None = None
        self._stream: IO[bytes] | None = None
        self._parts: list[str] = []
        self._length = 0
        self._waiting: list[bytes] = []
        if part is not None and part in archive.namelist():
            self._stream = archive.open(part)
            self._parser = _parser()
            self._listen()

    def __enter__(self) -> _Texts:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._map is not None:
            self._map.close()
        if self._stream is not None:
            self._stream.close()
        self._file.close()

    def __getitem__(self, index: int) -> str:
        ends = self._ends
        while index >= len(ends) and self._stream is not None:
            self._read_on()
        if not 0 <= index < len(ends):
            raise BrokenWorkbook("a text that is not there")
        begin = ends[index - 1] if index else 0
        if self._map is not None:
            return self._map[begin : ends[index]].decode("utf-8", "replace")
        return os.pread(self._file.fileno(), ends[index] - begin, begin).decode("utf-8", "replace")

    def _read_on(self) -> None:
        assert self._stream is not None
        block = self._stream.read(BLOCK)
        self._parser.Parse(block, not block)
        joined = b"".join(self._waiting)
        self._waiting.clear()
        view = memoryview(joined)
        while view:
            view = view[os.write(self._file.fileno(), view) :]
        if not block:
            self._stream.close()
            self._stream = None
            if self._size:
                self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)

    def _listen(self) -> None:
        """Collect the text of every ``si``: its ``t`` elements, but not the pronunciation in ``rPh``."""
        names, state = _Names(), {"t": False, "rPh": False}
        parts = self._parts

        def start(name: str, _attributes: dict[str, str]) -> None:
            local = names[name]
            if local in state:
                state[local] = True

        def text(data: str) -> None:
            if state["t"] and not state["rPh"]:
                self._length += len(data)
                if self._length > MAX_TEXT:
                    raise BrokenWorkbook("a text too long")
                parts.append(data)

        def end(name: str) -> None:
            local = names[name]
            if local in state:
                state[local] = False
            elif local == "si":
                encoded = "".join(parts).encode("utf-8", "replace")
                parts.clear()
                self._length = 0
                self._size += len(encoded)
                self._ends.append(self._size)
                self._waiting.append(encoded)

        self._parser.StartElementHandler = start
        self._parser.CharacterDataHandler = text
        self._parser.EndElementHandler = end


class _Sheet:
    """The rows of one sheet."""

    def __init__(self, texts: _Texts, date_styles: frozenset[str], epoch: dt.datetime) -> None:
        self._texts, self._date_styles, self._epoch = texts, date_styles, epoch

    def rows(self, stream: IO[bytes]) -> Iterator[tuple[int, list[str]]]:
        """Its rows that hold anything, as they come."""
        found: list[tuple[int, list[str]]] = []
        parser = _parser()
        self._listen(parser, found)
        while block := stream.read(BLOCK):
            parser.Parse(block, False)
            yield from found
            found.clear()
        parser.Parse(b"", True)
        yield from found

    def _listen(self, parser: Any, found: list[tuple[int, list[str]]]) -> None:
        names, column_of = _Names(), _Columns()
        texts, date_styles, as_date = self._texts, self._date_styles, self._as_date
        cells: list[str] = []
        parts: list[str] = []
        number = column = length = 0
        kind = style = ""
        listening = False

        def start(name: str, attributes: dict[str, str]) -> None:
            nonlocal number, column, kind, style, listening, length
            local = names[name]
            if local == "c":
                reference = attributes.get("r")
                column = column_of[reference.rstrip("0123456789")] if reference else column + 1
                kind = attributes.get("t", "n")
                style = attributes.get("s", "")
            elif local == "v" or local == "t":
                listening = True
            elif local == "row":
                given = attributes.get("r")
                number = int(given) if given else number + 1
                column = -1
                cells.clear()
            elif local == "rPh":
                listening = False
            length = 0

        def text(data: str) -> None:
            nonlocal length
            if listening:
                length += len(data)
                if length > MAX_TEXT:
                    raise BrokenWorkbook("a text too long")
                parts.append(data)

        def end(name: str) -> None:
            nonlocal listening
            local = names[name]
            if local == "v" or local == "t":
                listening = False
            elif local == "c":
                if parts:
                    raw = parts[0] if len(parts) == 1 else "".join(parts)
                    parts.clear()
                    if column < MAX_WIDTH:
                        if kind == "s":
                            raw = texts[int(raw)]
                        elif kind == "n":
                            if style in date_styles:
                                raw = as_date(raw)
                            elif not _PLAIN.fullmatch(raw):
                                raw = _number(raw)
                        elif kind == "b":
                            raw = "true" if raw.strip() == "1" else "false"
                        while len(cells) < column:
                            cells.append("")
                        cells[column:] = [raw]
            elif local == "row" and any(cell.strip() for cell in cells):
                found.append((number, cells.copy()))

        parser.StartElementHandler = start
        parser.CharacterDataHandler = text
        parser.EndElementHandler = end

    def _as_date(self, raw: str) -> str:
        """A day number as ISO: a date, a date and time, or below one day a time."""
        days = float(raw)
        if not 0 <= days < 2_958_466:  # the year 10000
            return _number(raw)
        moment = self._epoch + dt.timedelta(seconds=round(days * 86400, 3))
        if days < 1:
            return moment.time().isoformat()
        return moment.date().isoformat() if days == int(days) else moment.isoformat()


class _Columns(dict[str, int]):
    """Letters of a column -> its index: A is 0."""

    def __missing__(self, letters: str) -> int:
        index = 0
        if not letters.isascii() or not letters.isalpha() or len(letters) > 3:
            raise BrokenWorkbook("a cell without a place")
        for letter in letters.upper():
            index = index * 26 + ord(letter) - 64
        self[letters] = index - 1
        return index - 1


def _number(raw: str) -> str:
    """A number as it would stand in a CSV: whole ones without a point, no exponent where it can be helped."""
    try:
        value = float(raw)
    except ValueError:
        return raw
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
