"""Everyday files, each as one table: they are read and what is special is said, or refused and asked about."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile

import numpy as np
import openpyxl
import pytest

from benchmarks_data.importers.own import table as own_table
from benchmarks_data.importers.own.reading.form import Form
from benchmarks_data.importers.own.reading.read import read_lines
from harness.errors import TableError

ROWS = [(1, 8, 57.33), (1, 16, 61.41), (1, 32, 69.57), (2, 8, 60.58), (2, 16, 64.66), (3, 8, 63.83)]
PLAIN = "depth,width,acc\n" + "".join(f"{depth},{width},{acc}\n" for depth, width, acc in ROWS)
DESCRIPTION = """
name = "toy"
title = "Toy"
validation = "acc"
[space.genes]
depth = [1, 2, 3]
width = [8, 16, 32]
[columns.acc]
unit = "percent"
direction = "maximise"
split = "x-valid"
best = 100
"""


@pytest.fixture
def taken(tmp_path):
    """Return a function that imports bytes or text under a name, and gives accuracies and what was said."""

    def read(content, name="data.csv", description=DESCRIPTION):
        data, told = tmp_path / name, tmp_path / "t.toml"
        data.write_bytes(content.encode() if isinstance(content, str) else content)
        told.write_text(description)
        said = []
        table = own_table.read(data, told, say=said.append)
        archs, values = table.archs.tolist(), table.columns["acc"][1][:, 0, 0].tolist()
        return {(1 + a, 8 * 2**b): value for (a, b), value in zip(archs, values, strict=True)}, said

    return read


def zipped(content, *names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, content)
    return file.getvalue()


def workbook(rows, **more):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for name, cells in more.items():
        sheet = book.create_sheet(name)
        for row in cells:
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def with_comma(text):
    return text.replace(",", ";").replace(".", ",")


HEADER = ("depth", "width", "acc")
RECORDS = [dict(zip(HEADER, row, strict=True)) for row in ROWS]
SAME = {
    "plain": (PLAIN, None),
    "semicolon": (PLAIN.replace(",", ";"), "read as: separator ';'"),
    "tab": (PLAIN.replace(",", "\t"), "read as: separator tab"),
    "bar": (PLAIN.replace(",", "|"), "read as: separator '|'"),
    "blanks": (PLAIN.replace(",", "   "), "read as: separator blanks"),
    "padded": (
        "  " + PLAIN.replace(",", "  ").replace("\n", " \n  "),
        "read as: separator blanks, 1 empty line skipped",
    ),
    "decimal comma": (with_comma(PLAIN), "read as: separator ';', decimal comma"),
    "quoted decimal comma": (
        "depth,width,acc\n" + "".join(f'{a},{b},"{c}"\n'.replace(".", ",") for a, b, c in ROWS),
        "read as: decimal comma",
    ),
    "comment": ("# made 2023\n# by hand, at night\n" + PLAIN, "read as: 2 comment lines skipped"),
    "comment inside": (PLAIN.replace("2,8", "# half\n2,8"), "read as: 1 comment line skipped"),
    "percent comment": ("% made 2023\n" + PLAIN, "read as: 1 comment line skipped"),
    "savetxt": (
        "# " + PLAIN.replace(",", " "),
        "read as: separator blanks, 1 comment line skipped, names from the comment of line 1",
    ),
    "excel sep": ("sep=;\n" + PLAIN.replace(",", ";"), "read as: separator ';', line `sep=` of Excel"),
    "gzip": (gzip.compress(PLAIN.encode()), "read as: gzip"),
    "bzip2": (bz2.compress(PLAIN.encode()), "read as: bzip2"),
    "xz": (lzma.compress(PLAIN.encode()), "read as: xz"),
    "zip": (zipped(PLAIN, "inside.csv"), "read as: zip (inside.csv)"),
    "mark": (b"\xef\xbb\xbf" + PLAIN.encode(), "read as: utf-8 with a byte-order mark"),
    "utf-16": (PLAIN.encode("utf-16"), "read as: utf-16"),
    "utf-16 without mark": (PLAIN.encode("utf-16-le"), "read as: utf-16-le without a byte-order mark"),
    "cp1252": (
        PLAIN.replace("acc", "acc,Gerät").replace("\n", ",x\n").replace("Gerät,x", "Gerät").encode("cp1252"),
        "read as: cp1252 (guessed; `encoding` under [file] says another)",
    ),
    "cr": (PLAIN.replace("\n", "\r"), None),
    "crlf": (PLAIN.replace("\n", "\r\n"), None),
    "no end": (PLAIN.rstrip("\n"), None),
    "pandas index": (
        ","
        + PLAIN.replace("\n", "\n0,", 1).replace("\n1,1", "\n1,1,1").partition("\n")[0]
        + "".join(f"\n{row},{a},{b},{c}" for row, (a, b, c) in enumerate(ROWS)),
        "read as: index column left out",
    ),
    "Unnamed": (PLAIN.replace("depth", "Unnamed: 0,depth").replace("\n", "\n0,", len(ROWS)), None),
    "trailing separator": (PLAIN.replace("\n", ",\n"), None),
    "trailing separator below the header": (
        PLAIN.replace("\n", ",\n").replace("acc,", "acc"),
        "read as: a separator at the end of each line",
    ),
    "empty lines": (PLAIN + "\n,,\n\n", "read as: 3 empty lines skipped"),
    "upper case": (
        PLAIN.replace("depth,width,acc", "DEPTH,Width,acc"),
        "read as: columns by another case, DEPTH for depth, Width for width",
    ),
    "quoted": ("".join(",".join(f'"{cell}"' for cell in line.split(",")) + "\n" for line in PLAIN.splitlines()), None),
    "single quotes": (
        "".join(",".join(f"'{cell}'" for cell in line.split(",")) + "\n" for line in PLAIN.splitlines()),
        "read as: quotes '",
    ),
    "percent signs": (PLAIN.replace("\n", "%\n").replace("acc%", "acc"), None),
    "float genes": (PLAIN.replace("\n1,", "\n1.0,").replace("\n2,", "\n2.0,"), None),
    "records": (json.dumps(RECORDS), "read as: JSON records"),
    "records in an object": (json.dumps({"rows": RECORDS, "made": 2023}), "read as: JSON records"),
    "lines": ("\n".join(map(json.dumps, RECORDS)), "read as: JSON lines"),
    "pandas json": (
        json.dumps({name: {str(row): record[name] for row, record in enumerate(RECORDS)} for name in HEADER}),
        "read as: JSON records",
    ),
    "split json": (json.dumps({"columns": HEADER, "index": [], "data": ROWS}), "read as: JSON records"),
    "zipped records": (gzip.compress(json.dumps(RECORDS).encode()), "read as: JSON records, gzip"),
    "workbook": (workbook([HEADER, *ROWS]), "read as: workbook, sheet 'Sheet'"),
    "workbook below": (workbook([[], HEADER, *ROWS, [None] * 3]), "read as: workbook, sheet 'Sheet'"),
    "workbook as texts": (workbook([HEADER, *[[*map(str, row)] for row in ROWS]]), "read as: workbook, sheet 'Sheet'"),
}


@pytest.mark.parametrize("kind", SAME)
def test_the_same_table_is_read_however_it_is_written(taken, kind):
    content, remark = SAME[kind]
    values, said = taken(content)
    assert values == {(depth, width): acc for depth, width, acc in ROWS}
    assert said == ([remark] if remark else [])


def test_what_a_file_is_its_content_says_and_not_its_name(taken):
    assert taken(gzip.compress(PLAIN.encode()), "data.txt")[0] == taken(PLAIN, "data.csv.gz")[0]
    assert taken(workbook([HEADER, *ROWS]), "data.csv")[0] == taken(json.dumps(RECORDS), "data.xlsx")[0]


REFUSED = {
    "several files": (zipped(PLAIN, "a.csv", "b.csv"), r"an archive of 2 files \(a\.csv, b\.csv\): unpack it"),
    "xls": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100),
        r"old workbook of Excel \(\.xls\): save it as \.xlsx or CSV",
    ),
    "page": ("\n<!DOCTYPE html><html><body>Sign in", "a web page, not the table: fetch the file itself"),
    "fragment": ("<table border='1'><tr>", "a web page, not the table"),
    "title": (
        "My results,,\n\n" + PLAIN,
        "has no column 'depth'.*Line 3 seems to hold the names: delete the lines before it",
    ),
    "xml": ("<?xml version='1.0'?><a/>", "XML, not the table"),
    "pickle": (b"\x80\x04\x95abc.", "a pickle, which could run code and is not read: load it where you trust it"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(10), "an HDF5 file: a table of this program is opened by its path"),
    "lfs": ("version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git-lfs .*`git lfs pull`"),
    "cut gzip": (gzip.compress(PLAIN.encode())[:-12], "damaged: it is cut, its end is missing"),
    "cut xz": (lzma.compress(PLAIN.encode())[:-20], "damaged: it is cut, its end is missing"),
    "damaged zip": (zipped(PLAIN, "a.csv")[:60], "damaged: File is not a zip file"),
    "twice": (gzip.compress(gzip.compress(PLAIN.encode())), "compressed twice"),
    "ods": (zipped("x", "mimetype", "content.xml"), r"OpenDocument file \(\.ods\): save it there as CSV"),
    "npz": (zipped("x", "a.npy", "b.npy"), r"arrays of numpy \(\.npz\)"),
    "torch": (zipped("x", "m/data.pkl", "m/version"), "a file of torch"),
    "pdf": ("%PDF-1.7", "a PDF"),
    "sqlite": (b"SQLite format 3\x00", "an SQLite database"),
    "zstd": (b"\x28\xb5\x2f\xfd1234", "compressed by zstd"),
    "empty": ("", "it is empty"),
    "blank": ("\n \n", "it is empty"),
    "comments": ("# nothing\n", "it has comments alone"),
    "two separators": ("depth,width;x\n1,2;3\n", r"both ',' and ';' fit: say `separator` under \[file\]"),
    "unnamed columns": (",,\n1,2,3\n", "must begin with a line of column names"),
    "mixed percent": (PLAIN.replace("57.33", "57.33%"), "all with % or all without"),
    "ambiguous mark": (
        "depth;width;acc\n1;8;1,234\n1;16;2,345\n",
        r"'[12],\d{3}' can be meant in two ways: say `decimal = \",\"` or `thousands = \",\"` under \[file\]",
    ),
    "two marks": ("depth;width;acc\n1;8;57,3\n1;16;57.31\n", "one decimal mark.*say `decimal` under"),
    "json of another form": ('{"a": 1}', "must be a list of objects"),
    "cut json": ("[" + json.dumps(RECORDS[0]) + ",", "is not whole JSON"),
    "deep json": ("[" * 100_000, "is not JSON of this format"),
    "no sheet": (workbook([]), "its sheets are empty"),
    "two sheets": (
        workbook([HEADER, *ROWS], More=[HEADER]),
        r"2 sheets: say `sheet` under \[file\], one of Sheet, More",
    ),
    "formula": (
        workbook([HEADER, *ROWS[:-1], (3, 8, "=1+2")]),
        "line 7 of sheet 'Sheet': the formula =1.2 has no value",
    ),
    "encoding": (b"depth,width,acc\n1,8,\xff\xfe\x00\x81\x8d\n" + bytes(range(128, 256)), "no UTF-8|NUL|fields"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_table_or_can_be_read_in_two_ways_is_refused(taken, kind):
    content, message = REFUSED[kind]
    with pytest.raises(TableError, match=message) as caught:
        taken(content)
    assert "data.csv" in str(caught.value)
    assert len(str(caught.value)) < 2000


def test_a_folder_and_a_pipe_are_no_files(tmp_path):
    with pytest.raises(TableError, match="must be a file, it is a folder"):
        read_lines(tmp_path)
    import os

    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TableError, match="must be a file"):
        read_lines(tmp_path / "pipe")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_small_file_that_unpacks_to_a_huge_one_is_refused(tmp_path, monkeypatch, pack):
    from benchmarks_data.importers.own.reading import content

    monkeypatch.setattr(content, "FREE", 2**20)
    (tmp_path / "bomb.csv").write_bytes(pack(b"depth,width,acc\n" + b"1,8,57\n" * 300_000))
    with pytest.raises(TableError, match="unpack it yourself if it is meant"):
        read_lines(tmp_path / "bomb.csv")


def test_a_workbook_of_more_cells_than_are_meant_is_refused(tmp_path, monkeypatch):
    from benchmarks_data.importers.own.reading import workbook as reader

    monkeypatch.setattr(reader, "MAX_CELLS", 10)
    (tmp_path / "big.xlsx").write_bytes(workbook([HEADER, *ROWS]))
    with pytest.raises(TableError, match="too large to be read"):
        read_lines(tmp_path / "big.xlsx")


POINTS = DESCRIPTION.replace("best = 100\n", "").replace('unit = "percent"', 'unit = "points"')
"""Values of any size, none of which is questioned."""


@pytest.mark.parametrize(
    ("stated", "text", "value"),
    [
        ('decimal = ","', "1,234", 1.234),
        ('thousands = ","', "1,234", 1234.0),
        ('decimal = ","\nthousands = "."', "1.234,5", 1234.5),
    ],
)
def test_what_can_be_read_in_two_ways_is_read_as_the_description_says(taken, stated, text, value):
    description = POINTS + f"[file]\n{stated}\n"
    assert taken(f"depth;width;acc\n1;8;{text}\n", description=description)[0] == {(1, 8): value}


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (("1.234,5", "2,25"), (1234.5, 2.25)),
        (("1,234.5", "1,000"), (1234.5, 1000.0)),
        (("1 234,5", "0,25"), (1234.5, 0.25)),
        (("1'234.5", "7"), (1234.5, 7.0)),
        (("1,234,567", "0.5"), (1234567.0, 0.5)),
        (("-2,5e3", "\N{MINUS SIGN}1,5"), (-2500.0, -1.5)),
    ],
)
def test_marks_are_those_that_all_numbers_agree_about(taken, texts, values):
    text = "".join(f"1;{width};{text}\n" for width, text in zip((8, 16), texts, strict=True))
    told = taken(
        "depth;width;acc\n" + text,
        description=POINTS,
    )[0]
    assert told == dict(zip(((1, 8), (1, 16)), values, strict=True))


def test_words_for_what_is_missing_are_read_and_said_and_ask_where_it_matters(taken):
    with pytest.raises(TableError, match=r"line 2, column 'acc': nothing is told.*failed = \[\"N/A\"\]"):
        taken(PLAIN.replace("57.33", "N/A"))
    failed = 'failed = ["N/A", "diverged"]\n' + DESCRIPTION
    values, _ = taken(PLAIN.replace("57.33", "N/A").replace("61.41", "Diverged"), description=failed)
    assert np.isnan([values[1, 8], values[1, 16]]).all()
    cost = DESCRIPTION + '[columns.size]\nunit = "M"\ndirection = "minimise"\nsplit = "cost"\n'
    sized = PLAIN.replace("\n", ",1\n").replace("acc,1", "acc,size").replace("57.33,1", "57.33,-")
    assert taken(sized, description=cost)[1] == ["read as: '-' of size read as nothing told (1)"]


def test_lines_of_a_kind_are_counted_and_the_first_few_shown(taken):
    with pytest.raises(TableError) as caught:
        taken(PLAIN.replace("\n1,", "\n1,x,"))
    assert "line 2 must have 3 fields, has 4. 3 lines have another number:\n  line 2: 1,x,8,57.33\n" in str(
        caught.value
    )
    with pytest.raises(TableError) as caught:
        taken(PLAIN.replace(".", " ± 0."))
    assert "6 lines are so:\n  line 2: 1,8,57 ± 0.33\n" in str(caught.value)
    assert 'spread = "left out"' in str(caught.value)
    assert (
        taken(PLAIN.replace(".33\n", ".33±0.3\n"), description=DESCRIPTION + 'spread = "left out"\n')[0][1, 8] == 57.33
    )


def test_a_form_that_breaks_a_rule_is_told(taken):
    for stated, message in (
        ('separater = ";"', "unknown key of .file. 'separater'. Did you mean 'separator'"),
        ('separator = "x"', "`separator of .file.` must be one of"),
        ('thousands = "."', "another mark than `decimal`"),
        ('encoding = "latin-77"', "`encoding of .file.` must be one that Python knows"),
        ("decimal = 1", "`decimal of .file.` must be text"),
    ):
        with pytest.raises(TableError, match=message):
            taken(PLAIN, description=DESCRIPTION + f"[file]\n{stated}\n")


def test_a_separator_and_an_encoding_are_stated(tmp_path):
    (tmp_path / "a.csv").write_bytes("a,b;c\n1,2;\xe9\n".encode("cp1250"))
    lines = read_lines(tmp_path / "a.csv", Form(separator=";", encoding="cp1250"))
    assert dict(lines.columns) == {"a,b": ["1,2"], "c": ["\xe9"]}


def test_what_stands_in_a_file_reaches_the_terminal_as_codes(taken):
    with pytest.raises(TableError) as caught:
        taken(PLAIN.replace("57.33", "\x1b[31mred").replace("61.41", "\x07"))
    assert caught.value.args[0].replace("\n", "").isprintable()
    assert "line 2: 1,8,\\x1b[31mred" in str(caught.value)


def test_rows_with_names_as_r_writes_them_are_told(taken):
    with pytest.raises(TableError, match=r"6 lines have another number:[^R]*If the first field is the name of a row"):
        taken(PLAIN.replace("\n", "\nx,").removesuffix("x,"))


def test_lines_of_hundreds_of_thousands_of_columns_end_soon(taken):
    wide = ",".join(f"c{column}" for column in range(100_000)) + "\n" + ",".join(["1"] * 100_000) + "\n"
    with pytest.raises(TableError, match="at most 16,384 columns, it has 100,000"):
        taken(wide)
    with pytest.raises(TableError, match="must begin with a line of column names, it begins with 'xxx"):
        taken("x" * 10**6)


def test_a_number_that_excel_shows_as_percent_is_read_as_it_is_shown(taken):
    book = openpyxl.load_workbook(io.BytesIO(workbook([HEADER, *[(a, b, c / 100) for a, b, c in ROWS]])))
    for (cell,) in book.active["C2:C7"]:
        cell.number_format = "0.0%"
    file = io.BytesIO()
    book.save(file)
    assert taken(file.getvalue())[0] == {(depth, width): acc for depth, width, acc in ROWS}
    fractions = DESCRIPTION.replace('"percent"', '"fraction"').replace("best = 100", "best = 1")
    with pytest.raises(TableError, match="A percent sign belongs to the unit"):
        taken(file.getvalue(), description=fractions)


def test_lines_without_end_and_records_of_ever_new_names_are_refused_early(tmp_path):
    (tmp_path / "line.csv").write_text("a," * 2**22 + "b\n1\n")
    with pytest.raises(TableError, match="line 1 has more than 4,194,304 characters"):
        read_lines(tmp_path / "line.csv")
    (tmp_path / "keys.json").write_text(json.dumps([{f"k{row}": 1} for row in range(3000)]))
    with pytest.raises(TableError, match=r"mostly the same names.*3,000 names for 3,000 values"):
        read_lines(tmp_path / "keys.json")
