"""Tests of reading csv tables that come from anywhere."""

import pytest

from scaf_jax.files import csv_tables

COLUMNS = ("name", "x")


def _read(tmp_path, content):
    path = tmp_path / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(csv_tables.read_table(path, COLUMNS))


def _values(rows):
    return [(row["name"], row["x"]) for _, row in rows]


@pytest.mark.parametrize(
    "content",
    [
        "name,x\na b.jpg,1\nZoë.jpg,2\n",
        "\ufeffname,x\na b.jpg,1\nZoë.jpg,2\n",
        "name,x\r\na b.jpg,1\r\nZoë.jpg,2",
        "name,x\ra b.jpg,1\rZoë.jpg,2\r",
        " name , x ,other\n a b.jpg , 1 ,\n\n , ,\nZoë.jpg,2,3\n",
        'x,name\n1,"a b.jpg"\n"2",Zoë.jpg\n',
    ],
    ids=["plain", "byte order mark", "windows", "old mac", "blanks and more", "quoted"],
)
def test_tables_as_people_write_them(tmp_path, content):
    assert _values(_read(tmp_path, content)) == [("a b.jpg", "1"), ("Zoë.jpg", "2")]


def test_rows_know_their_line(tmp_path):
    rows = _read(tmp_path, 'name,x\n\na,1\n"b\nc",2\nd,3\n')
    # A text may hold line ends; its row is where it ends.
    assert [place for place, _ in rows] == [f"{tmp_path / 't.csv'}:{n}" for n in (3, 5, 6)]


def test_only_a_header_is_an_empty_table(tmp_path):
    assert _read(tmp_path, "name,x") == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"t\.csv:1: the header lacks name, x; it must name name,x"),
        ("name:x\na:1\n", r"t\.csv:1: the header lacks name, x.*, and names name:x"),
        ("x\n1\n", r"t\.csv:1: the header lacks name"),
        ("name,x,x\na,1,2\n", r"t\.csv:1: the header names x twice"),
        ("name,x\na,1\nb\n", r"t\.csv:3: 1 columns, but the header has 2"),
        ("name,x\na,1,5\n", r"t\.csv:2: 3 columns, but the header has 2"),
        ("name,x\na,1,5\n", r"t\.csv:2: 3 columns"),
        ('name,x\n"a,1\n', r"t\.csv: not a table: unexpected end of data; is a quotation"),
        ('name,x\n"a"b,1\n', r"t\.csv: not a table: .*is a quotation mark not closed"),
        ("name,x\n" + "a" * 200_000 + ",1\n", r"t\.csv: not a table: field larger"),
        ("name,x\nZoë,1\n".encode("latin-1"), r"t\.csv: not a table in UTF-8.*save it as UTF-8"),
        ("name,x\na,1\n".encode("utf-16-le"), r"t\.csv: not a table in UTF-8; save it as UTF-8"),
        (b"PK\x03\x04", r"t\.csv: is no text but a zip or Excel file; save it as UTF-8 csv"),
    ],
    ids=[
        "empty",
        "colons",
        "column missing",
        "column twice",
        "short row",
        "long row",
        "comma decimals",
        "open quote",
        "stray quote",
        "huge field",
        "latin-1",
        "UTF-16 without its mark",
        "Excel",
    ],
)
def test_other_tables_are_refused(tmp_path, content, message):
    with pytest.raises(csv_tables.TableError, match=message):
        _read(tmp_path, content)


def test_delimiters_at_the_end_of_rows_are_fine(tmp_path):
    rows = _read(tmp_path, "name,x\na,1,\nb,2,,\n")
    assert [row for _, row in rows] == [{"name": "a", "x": "1"}, {"name": "b", "x": "2"}]


def test_rows_before_a_bad_one_are_given(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("name,x\na,1\nb\n")
    rows = csv_tables.read_table(path, COLUMNS)
    assert next(rows)[1] == {"name": "a", "x": "1"}
    with pytest.raises(csv_tables.TableError):
        next(rows)


def test_files_that_are_none(tmp_path, monkeypatch):
    with pytest.raises(csv_tables.TableError, match=r"no\.csv: cannot be read: No such file"):
        list(csv_tables.read_table(tmp_path / "no.csv", COLUMNS))
    with pytest.raises(csv_tables.TableError, match="cannot be read: Is a directory"):
        list(csv_tables.read_table(tmp_path, COLUMNS))
    monkeypatch.setattr(csv_tables, "MAX_BYTES", 5)
    with pytest.raises(csv_tables.TableError, match="larger than 5 bytes"):
        _read(tmp_path, "name,x\n")


@pytest.mark.parametrize(("text", "value"), [("1", 1.0), ("-2.5", -2.5), ("1e3", 1000.0)])
def test_numbers(text, value):
    assert csv_tables.number({"x": text}, "x", "t.csv:2") == value


@pytest.mark.parametrize("text", ["", "one", "1,5", "1_0", "0x10", "1 2"])
def test_what_is_no_number(text):
    with pytest.raises(csv_tables.TableError, match=r"t\.csv:2: x is no number: '"):
        csv_tables.number({"x": text}, "x", "t.csv:2")


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999"])
def test_numbers_must_be_finite(text):
    with pytest.raises(csv_tables.TableError, match=r"t\.csv:2: x is -?(nan|inf)"):
        csv_tables.number({"x": text}, "x", "t.csv:2")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("said", ["", "sep={}\n", '"sep={}"\n'])
@pytest.mark.parametrize("delimiter", csv_tables.DELIMITERS)
def test_spreadsheets_of_every_country(tmp_path, delimiter, said, encoding):
    lines = ["name,x,y", "a b.jpg,1,2", '"Zoë, ;\t|.jpg",2,3']
    text = "\n".join(
        line if '"' not in line else '"Zoë, ;\t|.jpg"' + delimiter + "2" + delimiter + "3"
        for line in (lines[0].replace(",", delimiter), lines[1].replace(",", delimiter), lines[2])
    )
    rows = _read(tmp_path, (said.format(delimiter) + text).encode(encoding))
    assert _values(rows) == [("a b.jpg", "1"), ("Zoë, ;\t|.jpg", "2")]
    assert rows[1][0].endswith(f":{4 if said else 3}")
    header = csv_tables.read_header(tmp_path / "t.csv")
    assert header == ["name", "x", "y"]


def test_commas_in_numbers_where_columns_have_others_between(tmp_path):
    [(place, row)] = _read(tmp_path, "name;x\na,b.jpg;-12,5\n")
    assert row["name"] == "a,b.jpg" and csv_tables.number(row, "x", place) == -12.5


def test_byte_order_marks_that_joining_files_leaves_are_left_out(tmp_path):
    rows = _read(tmp_path, "\ufeffname,x\na,1\n\ufeffb,2\n")
    assert _values(rows) == [("a", "1"), ("b", "2")]
