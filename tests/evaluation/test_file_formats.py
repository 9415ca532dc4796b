"""Files as editors, spreadsheets and tools write them: the same rows, or one refusal that names all that is wrong."""

import csv
import io
import json
import zipfile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assay.contracts.base import content_hash
from assay.contracts.judgment import Ruling
from assay.contracts.labels import LabelTask
from assay.errors import BadInput
from assay.evaluation.exchange import Rows, feedback_of, labels_of, labels_to_csv, scenarios_of
from assay.evaluation.exchange.rows import FORMULA, Row, cell_of, text_of

ROWS = [{"thumbs": "up", "comment": "Größe passt – très bien"}, {"thumbs": "down", "comment": "line one\nline two"}]


def fields(data: bytes | str, where: str) -> list[dict]:
    return Rows(data, where).each(lambda row: row.fields)


def csv_text(delimiter: str = ",", end: str = "\n") -> str:
    lines = [delimiter.join(["thumbs", "comment"])]
    lines += [delimiter.join(['"' + cell + '"' for cell in row.values()]) for row in ROWS]
    return end.join(lines) + end


def workbook(*sheets: tuple[str, list[list[object]]]) -> bytes:
    """A small .xlsx: text as inline strings, numbers and booleans as they are."""
    import html

    def cell(value: object) -> str:
        if value is None:
            return "<c/>"
        if isinstance(value, bool):
            return f'<c t="b"><v>{int(value)}</v></c>'
        if isinstance(value, int | float):
            return f"<c><v>{value}</v></c>"
        return f'<c t="inlineStr"><is><t xml:space="preserve">{html.escape(str(value))}</t></is></c>'

    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rel = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    numbers = range(1, len(sheets) + 1)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    overrides = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{kind}.worksheet+xml"/>' for n in numbers
    )
    named = "".join(
        f'<sheet name="{name}" sheetId="{n}" r:id="r{n}"/>' for n, (name, _) in zip(numbers, sheets, strict=True)
    )
    related = "".join(
        f'<Relationship Id="r{n}" Type="{rel}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n in numbers
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>{overrides}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="r1" Type="{rel}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{rel}"><sheets>{named}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">{related}</Relationships>',
    }
    for n, (_, rows) in zip(numbers, sheets, strict=True):
        body = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
        parts[f"xl/worksheets/sheet{n}.xml"] = f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>'
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, '<?xml version="1.0" encoding="UTF-8"?>' + text)
    return data.getvalue()


FILES = {
    "jsonl": ("f.jsonl", "\n".join(json.dumps(row) for row in ROWS).encode()),
    "jsonl, BOM": ("f.jsonl", "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS).encode("utf-8-sig")),
    "jsonl, CR alone": ("f.jsonl", "\r".join(json.dumps(row) for row in ROWS).encode()),
    "jsonl, CRLF and blank lines": ("f.jsonl", "\r\n\r\n".join(json.dumps(row) for row in ROWS).encode() + b"\r\n"),
    "jsonl, UTF-16": ("f.jsonl", "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS).encode("utf-16")),
    "jsonl, UTF-16 without a mark": ("f.jsonl", "\n".join(json.dumps(row) for row in ROWS).encode("utf-16-le")),
    "jsonl, UTF-32": ("f.jsonl", "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS).encode("utf-32")),
    "jsonl, Windows-1252": ("f.jsonl", "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS).encode("cp1252")),
    "jsonl from stdin": ("stdin", "\n".join(json.dumps(row) for row in ROWS).encode()),
    "json list": ("f.json", json.dumps(ROWS, indent=2).encode()),
    "csv": ("f.csv", csv_text().encode()),
    "csv, BOM, semicolons, CRLF": ("f.csv", csv_text(";", "\r\n").encode("utf-8-sig")),
    "csv, CR alone": ("f.csv", csv_text(end="\r").replace("one\nline", "one\nline").encode()),
    "csv, Windows-1252": ("f.csv", csv_text(";").encode("cp1252")),
    "csv that says its delimiter": ("f.csv", ("sep=|\r\n" + csv_text("|", "\r\n")).encode()),
    "csv from stdin": ("stdin", csv_text().encode()),
    "tsv": ("f.tsv", csv_text("\t").encode()),
    "tsv, UTF-16, as Excel saves Unicode text": ("f.txt", csv_text("\t", "\r\n").encode("utf-16")),
    "xlsx": ("f.xlsx", workbook(("Answers", [["Thumbs", "Comment"], *[list(row.values()) for row in ROWS]]))),
    "xlsx by another name": ("f.csv", workbook(("A", [["Thumbs", "Comment"], *[list(r.values()) for r in ROWS]]))),
}


@pytest.mark.parametrize("kind", FILES)
def test_the_same_rows_are_read_from_each_kind_of_file(kind: str) -> None:
    where, data = FILES[kind]
    assert fields(data, where) == ROWS


def test_windows_1252_is_said_and_other_encodings_are_refused_by_name() -> None:
    rows = Rows("comment\nZoë".encode("cp1252"), "f.csv")
    assert rows.each(lambda row: row.fields) == [{"comment": "Zoë"}]
    assert rows.notes == ["f.csv: is read as Windows-1252, not UTF-8: see that its accents are right"]
    for text, encoding in (
        ("имя,отзыв\nИван,очень хорошо работает", "cp1251"),
        ("名前\n太郎はとても良いです", "cp932"),
    ):
        with pytest.raises(BadInput, match=rf"^f\.csv: looks like {encoding} text \(byte 0 is not UTF-8\): save it as"):
            Rows(text.encode(encoding), "f.csv")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (bytes(range(256)), "f.jsonl: is not text in an encoding that is known (byte 128 is not UTF-8)"),
        (b"\xff\xfea", "f.jsonl: begins as UTF-16 text but is not"),
        (b"PK\x03\x04 broken", "f.jsonl: is no Excel file that can be read"),
        (b"[1, 2", "a JSON object is needed, not a number"),
        (b'[{"a": 1}', "the list does not end"),
        (b'[{"a": 1}] x', "more text after the list ends"),
        (b'[{"a": 1} {"a": 2}]', "a comma or ] is missing"),
    ],
)
def test_what_is_no_file_of_rows_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(BadInput) as refused:
        fields(data, "f.jsonl")
    assert message in str(refused.value)


def test_an_excel_sheet_is_read_as_a_csv_would_be() -> None:
    book = workbook(
        ("Empty", []),
        (
            "Results",
            [[None, None], ["Task", "Trial", "Success", "Cost"], ["a", 0, True, 0.25], [None], ["b", 1.0, False]],
        ),
        ("Notes", [["x"], ["y"]]),
    )
    rows = Rows(book, "r.xlsx")
    assert rows.each(lambda row: (row.at, row.fields)) == [
        ("r.xlsx:Results:3", {"task": "a", "trial": "0", "success": "true", "cost": "0.25"}),
        ("r.xlsx:Results:5", {"task": "b", "trial": "1", "success": "false", "cost": ""}),
    ]
    assert rows.notes == ["r.xlsx: sheet Results is read; Notes is not"]


def test_a_workbook_that_would_fill_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", bytes(20_000_000))
    monkeypatch.setattr("assay.evaluation.exchange.rows.LARGEST_WORKBOOK", 10_000_000)
    with pytest.raises(BadInput, match="f.xlsx: unpacks to more than 10,000,000 bytes: save it as CSV"):
        fields(data.getvalue(), "f.xlsx")


def test_a_cell_in_the_last_row_and_column_does_not_end_the_process() -> None:
    """One that reads it in place makes room for 17 billion cells, and is ended for it."""
    packed = zipfile.ZipFile(io.BytesIO(workbook(("Far", [["topic"], ["x"]]))))
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in packed.namelist():
            text = packed.read(name).decode()
            if name.endswith("sheet1.xml"):
                head, body, rest = text.rpartition("<row>")
                text = head + body + rest.replace("<c ", '<c r="XFD1048576" ')
            archive.writestr(name, text)
    with pytest.raises(
        BadInput, match="f.xlsx: is no Excel file that can be read .*cells so far apart.*save it as CSV"
    ):
        fields(data.getvalue(), "f.xlsx")


def test_all_errors_of_a_file_are_raised_at_once_and_the_rest_is_counted() -> None:
    good = {"topic": "t", "goal": "g", "persona": {"name": "u", "description": "d"}}
    lines = ["{", json.dumps(good), json.dumps({**good, "goal": "", "max_turns": 0})]
    with pytest.raises(BadInput) as refused:
        scenarios_of(Rows("\n".join(lines), "d.jsonl"), name="d")
    told = str(refused.value).split("\n")
    assert [line.split(":")[1] for line in told] == ["1", "2", "3", "3", "3"]
    with pytest.raises(BadInput) as refused:
        scenarios_of(Rows("\n".join(["{"] * 57), "d.jsonl"), name="d")
    told = str(refused.value).split("\n")
    assert len(told) == 21
    assert told[-1] == "and 37 more errors in d.jsonl"


def test_separators_of_unicode_do_not_end_a_line() -> None:
    text = "a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg"
    line = json.dumps({"comment": text}, ensure_ascii=False)
    assert fields(line + "\n" + line, "f.jsonl") == [{"comment": text}] * 2
    assert fields('comment\n"' + text.replace("\x1c", "") + '"\n', "f.csv") == [{"comment": text.replace("\x1c", "")}]


def test_what_no_store_takes_is_replaced() -> None:
    assert fields('{"a\\u0000": ["x\\ud83dy", {"b": "\\u0000"}]}', "f.jsonl") == [
        {"a\ufffd": ["x\ufffdy", {"b": "\ufffd"}]}
    ]
    assert fields("comment\nx\x00y\n", "f.csv") == [{"comment": "x\ufffdy"}]


def test_a_hash_is_made_of_any_text() -> None:
    assert len(content_hash({"a": "\ud83d"})) == 64
    assert content_hash("\ud83d") != content_hash("\udc00")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_json_does_not_have_are_refused_with_line_and_field(number: str) -> None:
    with pytest.raises(BadInput, match=r"^f\.jsonl:2: a\.0\.b: \S+ is no number that JSON has: write a finite"):
        fields('{"a": 1}\n{"a": [{"b": ' + number + "}]}", "f.jsonl")


@pytest.mark.parametrize("depth", [90, 150, 3_000, 100_000])
def test_deep_nesting_is_refused_and_never_ends_in_a_traceback(depth: int) -> None:
    line = '{"a": ' + "[" * depth + "]" * depth + "}"
    if depth < 100:
        assert fields(line, "f.jsonl")
        return
    with pytest.raises(BadInput, match=r"f\.jsonl:1: .*not JSON that can be read \(nested more than 100 levels deep\)"):
        fields(line, "f.jsonl")


def test_cells_of_a_megabyte_are_read() -> None:
    assert fields("comment\n" + "x" * 1_000_000, "f.csv")[0]["comment"] == "x" * 1_000_000


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=30) | st.text('="+-@\'"\r\n\t ,;＝a', max_size=8))
@example('"=1+1"')
@example('"quoted"')
@example("")
def test_a_cell_gives_its_text_back_and_is_no_formula(text: str) -> None:
    cell = cell_of(text)
    assert not cell.startswith(tuple(mark for mark in FORMULA if mark != '"'))
    assert not cell.startswith(("\t", "\r"))
    assert text_of(cell) == text


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["f.jsonl", "f.csv", "f.xlsx", "f.json", "stdin"]))
@example(b"PK\x03\x04", "f.xlsx")
@example(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "f.xls")
@example(b"\xff\xfe\x00\xd8", "f.csv")
def test_no_bytes_end_in_anything_but_rows_or_a_named_error(data: bytes, where: str) -> None:
    for read in (
        feedback_of,
        labels_of,
        lambda rows: scenarios_of(rows, name="d"),
        lambda rows: rows.each(lambda r: r),
    ):
        try:
            read(Rows(data, where))
        except BadInput as error:
            assert where in str(error)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from([*Row._fields, "feedback_id", "thumbs", "rating", "at", "comment", "conversation_id", "turns"])
label_names = st.sampled_from(
    ["judging_id", "conversation_id", "expectation_id", "ruling", "by", "trial", "asks", "note"]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.dictionaries(names | label_names | st.text(max_size=5), json_values, max_size=9), max_size=3))
def test_no_shape_of_json_ends_in_anything_but_rows_or_a_named_error(rows: list) -> None:
    text = "\n".join(map(json.dumps, rows))
    for read in (feedback_of, labels_of, lambda rows: scenarios_of(rows, name="d")):
        try:
            read(Rows(text, "f.jsonl"))
        except BadInput as error:
            assert "f.jsonl" in str(error)


TASK = LabelTask.model_validate(
    {
        "judging_id": "judging-0123456789abcdef",
        "conversation_id": "0123456789abcdef" * 2,
        "scenario_id": "=Order 1/Größe",
        "trial": 0,
        "turns": [{"role": "user", "text": "x" * 140_000}],
        "asks": [
            {"expectation_id": "e1", "text": "@SUM(1) is said.", "note": "=1+1"},
            {"expectation_id": "e2", "text": "b"},
        ],
    }
)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "utf-16"])
def test_labels_come_back_from_a_spreadsheet(delimiter: str, encoding: str) -> None:
    allowed = csv.field_size_limit(1_000_000)
    drawn = list(csv.DictReader(io.StringIO(labels_to_csv([TASK]))))
    assert not [cell for row in drawn for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]
    csv.field_size_limit(allowed)
    text = io.StringIO()
    sheet = csv.DictWriter(text, [*drawn[0], "my remarks"], delimiter=delimiter, lineterminator="\r\n")
    sheet.writeheader()
    for row, ruling in zip(drawn, ("Met", "NOT MET"), strict=True):
        row |= {"trial": "0.0" if delimiter == "," else "0,0", "ruling": ruling, "by": " ada ", "my remarks": "hm"}
        row["conversation_id"] = "TR-01234567-89AB-CDEF-0123-456789ABCDEF"
        sheet.writerow(row)
    (task,) = labels_of(Rows(text.getvalue().encode(encoding), "labels.csv"))
    assert task == TASK.replace(
        turns=(),
        by="ada",
        asks=(
            TASK.asks[0].replace(ruling=Ruling.MET),
            TASK.asks[1].replace(ruling=Ruling.NOT_MET),
        ),
    )


def test_two_rulings_of_one_person_on_the_same_are_refused_where_they_differ() -> None:
    head = "judging_id,conversation_id,expectation_id,ruling,by\n"
    row = f"j,{'a' * 32},e,met,ada\n"
    (task,) = labels_of(Rows(head + row * 3, "l.csv"))
    assert len(task.asks) == 1
    with pytest.raises(BadInput, match=r"l\.csv:3: ruling: ada ruled otherwise in l\.csv:2: keep one of them"):
        labels_of(Rows(head + row + row.replace("met", "no"), "l.csv"))
    with pytest.raises(BadInput, match=r"l\.csv:2: trial: 'many' is no whole number"):
        labels_of(Rows("trial," + head + "many," + row, "l.csv"))
