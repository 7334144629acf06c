"""Files as people have them: every kind, encoding and layout comes to the same pairs, and is named."""

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.data.intake import BadLinesError, Mapping, UnknownColumnsError
from core.datafile import read, read_file
from core.errors import UserError

ROWS = [("Käse?", "gut"), ("Wie, so?", "na ja"), ("Brot", "schlecht")]
CSV = "text;label\r\n" + "".join(f'"{text}";{label}\r\n' for text, label in ROWS)
PAIRS = [{"prompt": f"cat {n}", "completion": "yes" if n % 2 else "no"} for n in range(4)]
CASES = Path(__file__).resolve().parents[3].parent / "shared" / "cases"


def pairs(content: bytes, name: str, **options: Any) -> list[tuple[Any, Any]]:
    return [(r["prompt"], r["completion"]) for r in read(content, name=name, **options).records]


@pytest.mark.parametrize(
    ("content", "file_type"),
    [
        (CSV.encode(), "CSV, semicolon"),
        (b"\xef\xbb\xbf" + CSV.encode(), "CSV, semicolon"),
        (("sep=;\r\n" + CSV).encode("utf-8-sig"), "CSV, semicolon"),
        (CSV.replace(";", ",").replace("Wie,", '""Wie,""').encode(), "CSV, comma"),
        (CSV.replace(";", "\t").encode("utf-16"), "CSV, tab, UTF-16"),
        (CSV.encode("utf-16-le"), "CSV, semicolon, UTF-16"),
        (CSV.encode("utf-16-be"), "CSV, semicolon, UTF-16"),
        (CSV.encode("utf-32"), "CSV, semicolon, UTF-32"),
        (CSV.encode("cp1252"), "CSV, semicolon, Windows-1252"),
        (CSV.replace("\r\n", "\r").encode(), "CSV, semicolon"),
        (CSV.replace("\r\n", "\n").encode(), "CSV, semicolon"),
        (("sep=;\r" + CSV.replace("\r\n", "\r")).encode("cp1252"), "CSV, semicolon, Windows-1252"),
    ],
)
def test_a_spreadsheet_s_text_in_every_usual_encoding(content: bytes, file_type: str) -> None:
    data = read(content, name="own.csv")
    assert (data.file_type, data.format) == (file_type, "text/label")
    texts = [(r["prompt"].replace('"', ""), r["completion"]) for r in data.records]
    assert texts == ROWS


def test_a_guessed_encoding_is_said_with_words_to_check_it_by() -> None:
    said = read(CSV.encode("cp1252"), name="own.csv").warnings
    assert said == [
        "own.csv is not UTF-8; it is read as Windows-1252. Check its special characters: “Käse”. "
        "If they are wrong, save the file as UTF-8."
    ]
    assert not read(CSV.encode("utf-16"), name="own.csv").warnings  # its mark says it


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x89PNG\r\n\x1a\n\x00\x00", b"a\x81,b\n"])
def test_what_is_no_text_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(UserError, match=r"own.csv, line \d: not UTF-8 text"):
        read(content, name="own.csv")


def test_lines_are_those_of_the_file_in_any_encoding() -> None:
    content = "prompt,completion\na,ü\nb,nan\nc,d\n"
    for encoding in ("utf-8", "utf-16", "cp1252"):
        with pytest.raises(BadLinesError, match=r"line 3: the completion is “nan”"):
            read(content.encode(encoding), name="own.csv")


def test_jsonl_with_old_mac_line_ends() -> None:
    content = "\r".join(map(json.dumps, PAIRS)).encode()
    assert pairs(content, "own.jsonl") == [(p["prompt"], p["completion"]) for p in PAIRS]


SHAREGPT = [
    {
        "conversations": [
            {"from": "system", "value": "Be short."},
            {"from": "human", "value": f"cat {n}?"},
            {"from": "gpt", "value": "yes"},
        ],
        "id": n,
    }
    for n in range(4)
]
CONVERSATIONAL = [
    {
        "prompt": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "cat?"}],
        "completion": [{"role": "assistant", "content": "yes"}],
    }
]


@pytest.mark.parametrize("written", [json.dumps, lambda rows: "\n".join(map(json.dumps, rows))])
def test_sharegpt(written: Any) -> None:
    data = read(written(SHAREGPT).encode(), name="chats.json")
    assert data.format == "sharegpt"
    assert (data.records[1]["prompt"], data.records[1]["completion"]) == (
        "Be short.\n\ncat 1?",
        "yes",
    )
    assert "human is the user" in data.warnings[0]
    assert data.records[1]["id"] == 1


def test_sharegpt_with_its_own_system_column_and_several_turns() -> None:
    turns = [("human", "a"), ("gpt", "b"), ("human", "c"), ("gpt", "d")]
    row = {"system": "S", "conversations": [{"from": s, "value": v} for s, v in turns]}
    (record,) = read(json.dumps(row).encode(), name="a.jsonl").records
    assert record["prompt"] == "System: S\n\nUser: a\n\nAssistant: b\n\nUser: c"
    assert record["completion"] == "d"


def test_trl_s_conversational_pairs() -> None:
    data = read(json.dumps(CONVERSATIONAL, indent=1).encode(), name="trl.json")
    assert data.format == "conversational prompt/completion"
    assert [(r["prompt"], r["completion"]) for r in data.records] == [("Be short.\n\ncat?", "yes")]


def test_a_bad_chat_is_named_by_its_line() -> None:
    bad = {"conversations": [{"from": "human", "value": "a"}, {"from": "tool", "value": "b"}]}
    lines = [*map(json.dumps, SHAREGPT), json.dumps(bad), "{"]
    with pytest.raises(BadLinesError, match=r"line 5: a turn has the role 'tool'.* line 6: not"):
        read("\n".join(lines).encode(), name="a.jsonl")
    array = "[\n" + ",\n".join(lines[:5]) + "]"
    with pytest.raises(BadLinesError, match="line 6: a turn has the role 'tool'"):
        read(array.encode(), name="a.json")
    kept = read(array.encode(), name="a.json", skip_bad_lines=True)
    assert (len(kept.records), [line for line, _ in kept.skipped]) == (4, [6])


def test_a_chat_may_be_mapped_by_its_name_in_the_file() -> None:
    wanted = Mapping(prompt=("conversations",), completion="conversations")
    assert pairs(json.dumps(SHAREGPT).encode(), "a.json", mapping=wanted)[0][1] == "yes"


def parquet(rows: list[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


def test_parquet() -> None:
    data = read(parquet(PAIRS), name="train-00000.parquet")
    assert (data.file_type, data.format) == ("Parquet", "prompt/completion")
    assert data.lines == [1, 2, 3, 4]
    assert pairs(parquet(SHAREGPT), "a.parquet")[3] == ("Be short.\n\ncat 3?", "yes")
    assert pairs(parquet(PAIRS), "misnamed.csv")[0] == ("cat 0", "no")


def test_parquet_cells_that_are_no_text_are_named_by_their_row() -> None:
    rows = [{"text": "a", "label": 1.5}, {"text": "b", "label": float("nan")}]
    with pytest.raises(BadLinesError, match=r"line 2: the completion \(label\) is nan"):
        read(parquet(rows), name="a.parquet")
    with pytest.raises(BadLinesError, match="line 1: the prompt is no text"):
        read(parquet([{"prompt": b"\xff", "completion": "x"}]), name="a.parquet")


def test_a_damaged_parquet_file() -> None:
    with pytest.raises(UserError, match=r"a.parquet cannot be read as Parquet \("):
        read(parquet(PAIRS)[:-20] + b"x" * 20, name="a.parquet")


@pytest.mark.thorough
def test_a_table_that_unpacks_to_far_more_is_refused() -> None:
    same = [{"prompt": "x" * 100_000, "completion": "y"}] * 2_100
    content = parquet(same)
    if len(content) > 20_000_000:  # dictionary encoding keeps it small
        pytest.skip("not packed")
    sink = io.BytesIO()
    plain = pa.Table.from_pylist(same)
    pq.write_table(plain, sink, use_dictionary=False, compression="zstd")
    with pytest.raises(UserError, match="unpacks to"):
        read(sink.getvalue(), name="a.parquet")


def xlsx(*sheets: list[list[Any]]) -> bytes:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for n, rows in enumerate(sheets, start=1):
        sheet = book.create_sheet(f"Sheet {n}")
        for row in rows:
            sheet.append(row)
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def test_a_spreadsheet() -> None:
    rows = [["text", "label"], ["nice", 1], [None, None], ["bad", 0], ["so so", True]]
    data = read(xlsx(rows), name="own.xlsx")
    assert (data.file_type, data.format) == ("XLSX", "text/label")
    assert [(r["prompt"], r["completion"]) for r in data.records] == [
        ("nice", "1"),
        ("bad", "0"),
        ("so so", "true"),
    ]
    assert data.lines == [2, 4, 5]
    assert data.skipped == [(3, "empty")]
    assert data.warnings == ["1 empty row left out: line 3."]


def test_a_spreadsheet_s_bad_cells_have_its_row_numbers() -> None:
    rows = [[], ["prompt", "completion"], ["a", "b"], ["c", None]]
    with pytest.raises(BadLinesError, match="line 4: the completion is missing"):
        read(xlsx(rows), name="own.xlsx")


def test_of_several_sheets_the_one_that_is_read_is_said() -> None:
    content = xlsx([[]], [["prompt", "completion"], ["a", "b"]], [["x"]])
    data = read(content, name="own.xlsx")
    assert data.warnings == ["own.xlsx has 2 sheets; “Sheet 2” is read, “Sheet 3” not."]


def test_a_spreadsheet_that_cannot_be_read_says_what_to_do() -> None:
    with pytest.raises(UserError, match=r"own.xlsx.*(CSV|openpyxl)"):
        read(b"PK\x03\x04 no archive", name="own.xlsx")
    with pytest.raises(UserError, match="old Excel file"):
        read(bytes.fromhex("d0cf11e0a1b11ae1"), name="own.xls")


def test_unknown_columns_are_asked_for_in_every_kind() -> None:
    with pytest.raises(UnknownColumnsError) as asked:
        read(parquet([{"title": "a", "body": "b"}]), name="a.parquet")
    assert asked.value.columns == ["title", "body"]


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases lie beside the checkout")
@pytest.mark.parametrize("path", sorted(CASES.glob("*.*")), ids=lambda path: path.name)
def test_the_shared_cases_come_out_as_intake_reads_them(path: Path) -> None:
    """This module adds kinds of files; what intake reads by itself is not changed by it."""
    from core.data import intake

    if path.suffix == ".md":
        return
    found = [
        reader(path.read_bytes(), name=path.name, skip_bad_lines=True)
        for reader in (intake.read, read)
    ]
    assert found[0] == found[1]


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(CSV.encode())
    assert len(read_file(tmp_path / "a.csv").records) == len(ROWS)
    for missing in (tmp_path / "c.csv", tmp_path):
        with pytest.raises(UserError, match="cannot be read"):
            read_file(missing)
