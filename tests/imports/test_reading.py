"""Reading what people upload: dialects, encodings, dates, and files that are no tables at all."""

from __future__ import annotations

import datetime as dt
import zipfile
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import xlsxwriter

from apps.imports.dates import ISO, fitting_formats, parse_date
from apps.imports.files import UnreadableFile, open_table
from apps.imports.mapping import RowNumbers, check_mapping
from apps.imports.suggestions import suggest_mapping
from cxm.errors import DomainErrors

UTC = ZoneInfo("UTC")


def written(tmp_path: Path, content: bytes | str, name: str = "file") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("content", "cells"),
    [
        (b"a,b\n1,x\n", ["1", "x"]),
        (b"a;b\r\n1;x\r\n", ["1", "x"]),
        (b"a\tb\n1\tx", ["1", "x"]),
        (b"\xef\xbb\xbfa,b\n1,x", ["1", "x"]),
        ("a,b\n1,ü".encode("cp1252"), ["1", "ü"]),
        ("a,b\n1,ü".encode("utf-16"), ["1", "ü"]),
        (b'a,b\n1,"two\nlines, one ""cell"""\n', ["1", 'two\nlines, one "cell"']),
        (b"\n\na,b\n,\n1,x\n", ["1", "x"]),
        (b"a,b\n1\n", ["1", ""]),
    ],
)
def test_csv_of_any_dialect_is_read(tmp_path: Path, content: bytes, cells: list[str]) -> None:
    table = open_table(written(tmp_path, content))
    assert table.columns == ["a", "b"]
    assert [row.cells for row in table.rows()] == [cells]


def test_lines_are_those_of_the_file_even_after_cells_with_line_breaks(tmp_path: Path) -> None:
    table = open_table(written(tmp_path, 'a,b\n1,"x\ny"\n\n2,z\n'))
    assert [(row.line, row.cells[0]) for row in table.rows()] == [(2, "1"), (5, "2")]


def test_a_workbook_is_read_like_a_csv(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["when", "score", "text"])
        sheet.write_datetime(1, 0, dt.datetime(2026, 1, 31, 14, 5), book.add_format({"num_format": "dd/mm/yyyy"}))
        sheet.write_number(1, 1, 9)
        sheet.write_string(1, 2, "=1+1")
    table = open_table(path)
    assert table.columns == ["when", "score", "text"]
    assert [(row.line, row.cells) for row in table.rows()] == [(2, ["2026-01-31T14:05:00", "9", "=1+1"])]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"a,b\n",
        b"\n\n",
        b"\x00\x01\x02\x03binary\x00",
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
        b"PK\x03\x04 not a zip at all",
        b"\xd0\xcf\x11\xe0 old excel",
        b",".join([b"c"] * 600) + b"\n" + b",".join([b"1"] * 600),
    ],
    ids=["empty", "heading only", "blank", "binary", "picture", "broken zip", "xls", "600 columns"],
)
def test_what_is_no_table_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnreadableFile) as refused:
        open_table(written(tmp_path, content))
    assert refused.value.errors[0]["field"] == "file"


def test_a_zip_that_is_no_workbook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(UnreadableFile):
        open_table(path)


def test_a_row_with_a_nul_too_many_cells_or_a_giant_cell_says_so_and_the_rest_is_read(tmp_path: Path) -> None:
    head = "a,b\n" + "0,ok\n" * 20000  # beyond the bytes that are looked at first
    content = head + "1,x\0y\n2,x,surplus\n3," + "z" * 20_001 + "\n4,fine\n"
    rows = list(open_table(written(tmp_path, content)).rows())[20000:]
    assert [bool(row.problem) for row in rows] == [True, True, True, False]
    assert all("\0" not in cell for row in rows for cell in row.cells)


def test_repeated_and_empty_headings_can_each_be_chosen(tmp_path: Path) -> None:
    table = open_table(written(tmp_path, "x,x,,y\n1,2,3,4\n"))
    assert table.columns == ["x", "x (2)", "Column 3", "y"]


# -- dates ------------------------------------------------------------------------------------------------------------


def test_a_day_beyond_twelve_settles_the_order_and_its_absence_does_not() -> None:
    assert fitting_formats(["03/04/2018 10:00", "25/04/2018 11:00"]) == ["%d/%m/%Y %H:%M"]
    assert fitting_formats(["03/04/2018 10:00"]) == ["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"]
    assert fitting_formats(["2018-04-25", "2018-04-25T10:00:00+02:00"]) == [ISO]
    assert fitting_formats(["soon", "later"]) == [] == fitting_formats([])


def test_times_without_a_zone_are_the_organisations() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert parse_date("01/07/2018 00:30", "%d/%m/%Y %H:%M", berlin) == dt.datetime(2018, 6, 30, 22, 30, tzinfo=dt.UTC)
    assert parse_date("2018-07-01T00:30:00Z", ISO, berlin).hour == 0


@pytest.mark.parametrize("text", ["31/02/2018", "1/1/1850", "01/01/9999", "yesterday", "", "2018"])
def test_impossible_dates_are_refused_with_the_text(text: str) -> None:
    with pytest.raises(ValueError, match=text[:4] or "format"):
        parse_date(text, "%d/%m/%Y", UTC)


# -- mappings -----


def test_a_mapping_is_checked_against_the_columns_of_the_file() -> None:
    with pytest.raises(DomainErrors) as refused:
        check_mapping("responses", {"score": "Nope", "colour": "a", "create_touchpoints": "yes"}, ["a", "b"])
    assert {error["field"] for error in refused.value.errors} == {
        "mapping.score", "mapping.colour", "mapping.create_touchpoints",
    }  # fmt: skip
    assert "a, b" in refused.value.errors[0]["message"]


@pytest.mark.parametrize("raw", [None, [], "x", 7, {"score": ["a"]}, {"score": {"a": 1}}, {7: "a"}, {}])
def test_mappings_of_a_wrong_shape_are_refused(raw: object) -> None:
    with pytest.raises(DomainErrors):
        check_mapping("responses", raw, ["a"])


def test_attributes_may_have_any_name_and_empty_choices_count_as_none() -> None:
    mapping = check_mapping("responses", {"score": "a", "comment": "", "attributes.Tariff (new)": "b"}, ["a", "b"])
    assert mapping.values(["7 ", " gold"]) == {"score": "7", "attributes.Tariff (new)": "gold"}


def test_equal_rows_are_separate_events_and_the_same_file_gives_the_same_numbers() -> None:
    rows = [{"score": "9"}, {"score": "9"}, {"score": "8"}]
    first, second = RowNumbers(), RowNumbers()
    ids = [first.source_id(row) for row in rows]
    assert len(set(ids)) == 3
    assert ids == [second.source_id(row) for row in rows]


def test_the_suggestion_looks_at_values_and_not_only_at_names() -> None:
    columns = ["CUSTOMER_RESPONSE_DATE", "SURVEY_SUB_TYPE", "NPS_RATING", "NPS_SCORE", "text"]
    sample = [
        ["11/04/2018 20:09", "Order", "Passive", "7", "The process was good I need to see how good the rest is"],
        ["01/05/2018 20:23", "First Payment", "Detractor", "0", "Lack of communication with your employees."],
    ] * 20
    assert suggest_mapping("responses", columns, sample) == {
        "occurred_at": "CUSTOMER_RESPONSE_DATE",
        "touchpoint": "SURVEY_SUB_TYPE",
        "score": "NPS_SCORE",
        "comment": "text",
    }


# -- workbooks as programs really write them -------------------------------------------------------------------------

SHEET = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>'
BOOK = '<workbook xmlns:r="r">{pr}<sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>'
RELATIONS = (
    "<Relationships>"
    '<Relationship Id="rId1" Type="x/worksheet" Target="{sheet}"/>'
    '<Relationship Id="rId2" Type="x/sharedStrings" Target="sharedStrings.xml"/>'
    '<Relationship Id="rId3" Type="x/styles" Target="styles.xml"/></Relationships>'
)
STYLES = (
    '<styleSheet><numFmts><numFmt numFmtId="164" formatCode="[$-407]dd\\.mm\\.yyyy&quot; Uhr&quot;"/>'
    '<numFmt numFmtId="165" formatCode="[h]:mm"/><numFmt numFmtId="166" formatCode="&quot;days&quot; 0.0"/></numFmts>'
    '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/>'
    '<xf numFmtId="165"/><xf numFmtId="166"/><xf numFmtId="22"/></cellXfs></styleSheet>'
)
TEXTS = "<sst><si><t>when</t></si><si><r><t>rich </t></r><r><t>text</t></r><rPh><t>no</t></rPh></si><si><t/></si></sst>"


def a_workbook(tmp_path: Path, rows: str, *, pr: str = "", texts: str = TEXTS, sheet: str = "worksheets/s.xml") -> Path:
    path = tmp_path / "book.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", BOOK.format(pr=pr))
        archive.writestr("xl/_rels/workbook.xml.rels", RELATIONS.format(sheet=sheet))
        archive.writestr("xl/styles.xml", STYLES)
        archive.writestr("xl/sharedStrings.xml", texts)
        archive.writestr("xl/worksheets/s.xml", SHEET.format(rows=rows))
    return path


def test_cells_of_every_type_are_read_as_text(tmp_path: Path) -> None:
    heading = "".join(f'<c r="{letter}1" t="inlineStr"><is><t>{letter}</t></is></c>' for letter in "ABCDEFGHIJK")
    row = (
        '<c r="A2" t="s"><v>1</v></c><c r="B2" t="b"><v>1</v></c><c r="C2"><v>35</v></c><c r="D2"><v>1.5E-2</v></c>'
        '<c r="E2" s="1"><v>44227</v></c><c r="F2" s="2"><v>44227.5</v></c><c r="G2" s="3"><v>1.5</v></c>'
        '<c r="H2" s="4"><v>44227</v></c><c r="I2" t="str"><f>A1</f><v>&lt;made&gt;</v></c>'
        '<c r="K2" s="5"><v>0.25</v></c>'
    )
    path = a_workbook(tmp_path, f'<row r="1">{heading}</row><row r="3"/><row r="7">{row}</row>')
    (found,) = open_table(path).rows()
    assert found.line == 7
    assert found.cells == [
        "rich text", "true", "35", "0.015", "2021-01-31", "2021-01-31T12:00:00", "1.5", "44227", "<made>", "",
        "06:00:00",
    ]  # fmt: skip


def test_days_may_be_counted_from_1904_and_cells_may_say_no_place(tmp_path: Path) -> None:
    rows = '<row><c t="s"><v>0</v></c></row><row><c s="1"><v>42765</v></c></row>'
    table = open_table(a_workbook(tmp_path, rows, pr='<workbookPr date1904="1"/>', sheet="/xl/worksheets/s.xml"))
    assert [(row.line, row.cells) for row in table.rows()] == [(2, ["2021-01-31"])]


def test_prefixed_elements_are_read_too(tmp_path: Path) -> None:
    rows = (
        '<x:row r="1"><x:c r="A1" t="s"><x:v>0</x:v></x:c></x:row><x:row r="2"><x:c r="A2"><x:v>7</x:v></x:c></x:row>'
    )
    assert [row.cells for row in open_table(a_workbook(tmp_path, rows)).rows()] == [["7"]]


@pytest.mark.parametrize(
    ("rows", "texts"),
    [
        ('<row r="1"><c r="A1" t="s"><v>99</v></c></row>', TEXTS),
        ('<row r="1"><c r="A1" t="s"><v>-1</v></c></row>', TEXTS),
        ('<row r="1"><c r="A1" t="s"><v>x</v></c></row>', TEXTS),
        ('<row r="1"><c r="11" t="s"><v>0</v></c></row>', TEXTS),
        ('<row r="1"><c r="A1" t="s"><v>0</v></c>', TEXTS),
        (
            '<row r="1"><c r="A1" t="s"><v>0</v></c></row>',
            '<!DOCTYPE s [<!ENTITY a "b">]><sst><si><t>&a;</t></si></sst>',
        ),
        ('<row r="1"><c r="A1" t="str"><v>' + "x" * 2_100_000 + "</v></c></row>", TEXTS),
    ],
    ids=["no such text", "negative", "no number", "no column", "cut off", "document type", "giant text"],
)
def test_broken_and_hostile_workbooks_are_refused(tmp_path: Path, rows: str, texts: str) -> None:
    with pytest.raises(UnreadableFile):
        list(open_table(a_workbook(tmp_path, rows, texts=texts)).rows())


def test_more_texts_than_fit_a_block_are_looked_up_in_their_file(tmp_path: Path) -> None:
    number = 30_000
    texts = "<sst>" + "".join(f"<si><t>Text number {n} ü</t></si>" for n in range(number)) + "</sst>"
    rows = "".join(f'<row r="{n + 1}"><c r="A{n + 1}" t="s"><v>{n}</v></c></row>' for n in range(number))
    found = [row.cells[0] for row in open_table(a_workbook(tmp_path, rows, texts=texts)).rows()]
    assert found == [f"Text number {n} ü" for n in range(1, number)]


def test_a_line_without_an_end_is_refused_without_being_held(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile):
        list(open_table(written(tmp_path, "a,b\n1,2\n" + "x" * 4_200_000)).rows())
