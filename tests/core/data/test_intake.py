"""Data files: what can be read is read and named, and a bad line is named by number and reason."""

import csv
import io
import json
import time
from pathlib import Path
from typing import Any

import pytest

from core.data import uploads
from core.data.intake import (
    BadLinesError,
    Mapping,
    UnknownColumnsError,
    dataset,
    parse_mapping,
    read,
)
from core.data.intake.rows import DELIMITERS
from core.errors import UserError

GOOD = b'{"prompt": "Hi", "completion": "Hello"}\n'


@pytest.mark.parametrize(
    ("name", "content", "wanted"),
    [
        ("a.jsonl", GOOD, [("Hi", "Hello")]),
        ("a.jsonl", b"\xef\xbb\xbf" + GOOD, [("Hi", "Hello")]),
        ("a.jsonl", b"\n  \n" + GOOD + b"\r\n\n" + GOOD.strip(), [("Hi", "Hello")] * 2),
        ("a.JSONL", GOOD.replace(b"Hi", b"a\\nb \xe2\x80\xa8 c"), [("a\nb \u2028 c", "Hello")]),
        ("a.csv", b"prompt,completion\nHi,Hello\n", [("Hi", "Hello")]),
        ("A.CSV", b"\xef\xbb\xbfcompletion,prompt\r\nHello,Hi\r\n", [("Hi", "Hello")]),
        (
            "a.csv",
            b'prompt,completion\n"two\nlines, ""quoted""",x\n',
            [('two\nlines, "quoted"', "x")],
        ),
        ("a.csv", b"prompt,completion,n\n\nHi,Hello,\n\n", [("Hi", "Hello")]),
    ],
)
def test_readable_files(name: str, content: bytes, wanted: list[tuple[str, str]]) -> None:
    found = read(content, name=name).records
    assert [(record["prompt"], record["completion"]) for record in found] == wanted


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.jsonl", b"", "holds no prompt-completion pairs"),
        ("a.jsonl", b" \n\n", "holds no prompt-completion pairs"),
        ("a.jsonl", b"\xef\xbb\xbf", "holds no prompt-completion pairs"),
        ("a.csv", b"", "holds no prompt-completion pairs"),
        ("a.csv", b"prompt,completion\n", "holds no prompt-completion pairs"),
        ("a.jsonl", GOOD * 2 + b"\xff\xfe", "line 3: not UTF-8"),
        ("a.jsonl", "Grüße".encode("latin-1"), "line 1: not UTF-8"),
        ("a.csv", "prompt,completion\n".encode("utf-16"), "line 1: not UTF-8"),
        ("a.jsonl", GOOD + b"\n" + b'{"prompt": "Hi", \n', "line 3: not valid JSON"),
        ("a.jsonl", GOOD + b"[" * 100_000, "line 2: not valid JSON"),
        ("a.jsonl", GOOD + b'{"prompt": "a", "n": ' + b"1" * 5000 + b"}", "line 2: not valid JSON"),
        ("a.jsonl", GOOD + b'["Hi", "Hello"]', "line 2: expected {"),
        ("a.jsonl", GOOD + b"null", "line 2: expected {"),
        (
            "a.jsonl",
            b'{"prompt": "Hi"}',
            "which columns hold prompt and completion? It has: prompt.",
        ),
        ("a.jsonl", b'{"title": "Hi", "body": "x"}', "--map prompt=title,completion=body"),
        ("a.jsonl", b"{}", "It has: nothing"),
        ("a.jsonl", GOOD + b'{"prompt": "Hi"}', "line 2: the completion is missing. Mend"),
        (
            "a.jsonl",
            b'{"prompt": "Hi", "completion": {"a": 1}}',
            "line 1: the completion is no text",
        ),
        ("a.jsonl", b'{"prompt": null, "completion": "x"}', "line 1: the prompt is missing"),
        ("a.jsonl", b'{"prompt": ["Hi"], "completion": "x"}', "line 1: the prompt is no text"),
        ("a.jsonl", b'{"prompt": "Hi", "completion": " "}', "line 1: the completion is empty"),
        ("a.csv", b"prompt,answer\nHi,x\n", "It has: prompt, answer."),
        ("a.csv", b"prompt,completion\nHi,x\nHi,\n", "line 3: the completion is empty"),
        ("a.csv", b"prompt,completion\nHi\n", "line 2: not as many cells"),
        ("a.csv", b"prompt,completion\nHi,a,b\n", "line 2: not as many cells"),
        ("a.csv", b'prompt,completion\n"Hi,x\n', "line 2: not valid CSV"),
        ("a.csv", b'prompt,completion\n"a\nb",x\nHi,\n', "line 4: the completion is empty"),
        ("a.csv", b'prompt,completion\n"a\nb",\n', "line 2: the completion is empty"),
        ("a.csv", b"prompt,prompt\na,b\n", "two columns are called 'prompt'"),
        ("a.json", b'[{"prompt": "a"},\n {"prompt" "b"}]', "line 2: not valid JSON"),
        ("a.json", b'{"data": [1,\n2]}', "It has: data."),
        ("a.json", b"[1, 2]", "lines 1 and 1: expected {"),
        ("a.jsonl", b'{"messages": "Hi"}', "line 1: expected a chat"),
        ("a.csv", b"prompt,completion\n" + b"x" * 200_000 + b",y\n", "line 2: not valid CSV"),
    ],
)
def test_unreadable_files_are_refused(name: str, content: bytes, reason: str) -> None:
    with pytest.raises(UserError) as refused:
        read(content, name=name)
    assert str(refused.value).startswith(name)
    assert reason in str(refused.value)


def test_limits_of_size(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="is 21 MB; the limit is 20 MB"):
        read(b" " * 21_000_000, name="a.jsonl")
    monkeypatch.setattr(dataset, "MAX_UPLOAD_PAIRS", 3)
    assert len(read(GOOD * 3, name="a.jsonl").records) == 3
    with pytest.raises(UserError, match="more than 3 pairs"):
        read(GOOD * 4, name="a.jsonl")


def chat(*turns: str) -> dict[str, Any]:
    said = (turn.split(": ", 1) for turn in turns)
    return {"messages": [{"role": role, "content": text} for role, text in said]}


ALPACA = {"instruction": "Name it.", "input": "fern", "output": "A fern."}


@pytest.mark.parametrize(
    ("name", "content", "shape", "pair"),
    [
        ("a.json", json.dumps([ALPACA], indent=2), "alpaca", ("Name it.\n\nfern", "A fern.")),
        ("a.jsonl", json.dumps(ALPACA), "alpaca", ("Name it.\n\nfern", "A fern.")),
        ("a.json", json.dumps([ALPACA | {"input": ""}]), "alpaca", ("Name it.", "A fern.")),
        ("a.json", '{"instruction": "Hi", "output": "Ho"}', "alpaca", ("Hi", "Ho")),
        ("a.json", '[{"prompt": "a",\n"completion": "b"}]', "prompt/completion", ("a", "b")),
        ("a.json", '{"prompt": "a",\n"completion": "b"}', "prompt/completion", ("a", "b")),
        ("a", '[{"prompt": "a", "completion": "b"}]', "prompt/completion", ("a", "b")),
        ("a.jsonl", json.dumps(chat("user: a", "assistant: b")), "messages", ("a", "b")),
        (
            "a.jsonl",
            json.dumps(chat("system: Be brief.", "user: a", "assistant: b")),
            "messages",
            ("Be brief.\n\na", "b"),
        ),
        (
            "a.jsonl",
            json.dumps(chat("user: a", "assistant: b", "user: c", "assistant: d")),
            "messages",
            ("User: a\n\nAssistant: b\n\nUser: c", "d"),
        ),
        ("a.csv", "Question,Answer\na,b\n", "question/answer", ("a", "b")),
        ("a.csv", "label,text\nx,y\n", "text/label", ("y", "x")),
        ("a.csv", 'prompt;completion\na;"b, c"\nd;e\n', "prompt/completion", ("a", "b, c")),
        ("a.csv", "sep=;\r\nprompt;completion\r\na;b\r\n", "prompt/completion", ("a", "b")),
        ("a.csv", '"sep=,"\nprompt,completion\na,b\n', "prompt/completion", ("a", "b")),
        ("a.tsv", "prompt\tcompletion\na\tb\n", "prompt/completion", ("a", "b")),
        ("a.csv", "prompt,completion\na,b\n,\n , \n", "prompt/completion", ("a", "b")),
        ("a.csv", "the prompt, or question;answer\na;b\nc;d\n", "own mapping", ("a", "b")),
        ("a.jsonl", '{"prompt": "a", "completion": 1}', "prompt/completion", ("a", "1")),
        ("a.jsonl", '{"prompt": 2.5, "completion": true}', "prompt/completion", ("2.5", "true")),
        ("a.jsonl", '{"prompt": "a", "completion": "  b"}', "prompt/completion", ("a", "  b")),
    ],
)
def test_known_shapes_are_recognised_and_named(
    name: str, content: str, shape: str, pair: tuple[str, str]
) -> None:
    mapping = Mapping(prompt=("the prompt, or question",), completion="answer")
    found = read(content.encode(), name=name, mapping=mapping if shape == "own mapping" else None)
    assert found.format == shape
    assert (found.records[0]["prompt"], found.records[0]["completion"]) == pair
    assert len(found.records) == 1 or name == "a.csv"
    assert (found.taken == "") == (shape == "prompt/completion")


def test_what_was_taken_is_said_and_can_be_changed() -> None:
    content = json.dumps([ALPACA, ALPACA | {"input": "ivy"}], indent=1).encode()
    found = read(content, name="a.json")
    assert found.taken == "alpaca: prompt from instruction + input, completion from output"
    assert found.lines == [2, 7]
    assert found.to_dict()["mapping"] == {"prompt": "instruction+input", "completion": "output"}
    other = read(content, name="a.json", mapping=parse_mapping("prompt=input, completion=output"))
    assert (other.format, other.records[1]["prompt"]) == ("own mapping", "ivy")
    assert other.records[1]["instruction"] == "Name it."  # templates may ask for it
    with pytest.raises(UserError, match="no column 'title'; it has: instruction, input, output"):
        read(content, name="a.json", mapping=Mapping(prompt=("title",), completion="output"))
    plus = read(b"a+b,c\nd,e\n", name="a.csv", mapping=parse_mapping("prompt=a+b,completion=c"))
    assert plus.records[0]["prompt"] == "d"
    for wrong in ("prompt=a", "a", "prompt=a,completion=b,c=d", "prompt=,completion=b"):
        with pytest.raises(UserError, match="--map wants"):
            parse_mapping(wrong)
    with pytest.raises(UnknownColumnsError) as refused:
        read(b"title,body\na,b\n", name="a.csv")
    assert refused.value.columns == ["title", "body"]
    assert refused.value.first == [{"title": "a", "body": "b"}]


BAD = """prompt,completion
a,b
c,nan
d,NaN
nan,e
f,
g,h,i
j,k
"""


def test_every_bad_line_is_named_at_once_and_can_be_skipped() -> None:
    with pytest.raises(BadLinesError) as refused:
        read(BAD.encode(), name="a.csv")
    assert str(refused.value) == (
        "a.csv, lines 3 and 4: the completion is “nan”, which a data frame writes for an empty cell; "
        "line 5: the prompt is “nan”, which a data frame writes for an empty cell; "
        "line 6: the completion is empty; "
        "line 7: not as many cells as the header has columns. Mend these lines or skip them."
    )
    found = read(BAD.encode(), name="a.csv", skip_bad_lines=True)
    assert found.lines == [2, 8]
    assert [line for line, _ in found.skipped] == [3, 4, 5, 6, 7]
    assert found.to_dict()["skipped"] == 5
    assert found.warnings == [
        "5 lines left out that cannot be used: lines 3, 4, 5, 6 and 7.",
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"prompt": "a", "completion": null}', "the completion is missing"),
        (b'{"prompt": "a", "completion": NaN}', "the completion is nan, which is no value"),
        (rb'{"prompt": "\ud83d x", "completion": "a"}', r"the prompt holds \ud83d, half of"),
        (b'{"prompt": "a", "completion": "<NA>"}', "the completion is “<na>”"),
    ],
)
def test_cells_that_are_no_text(line: bytes, reason: str) -> None:
    with pytest.raises(BadLinesError) as refused:
        read(GOOD + line, name="a.jsonl")
    assert f"a.jsonl, line 2: {reason}" in str(refused.value)
    assert read(GOOD + line, name="a.jsonl", skip_bad_lines=True).lines == [1]


def test_a_long_list_of_lines_is_cut() -> None:
    with pytest.raises(
        BadLinesError, match="lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 5 more: not v"
    ):
        read(GOOD + b"x\n" * 15, name="a.jsonl")
    with pytest.raises(UserError, match="no prompt-completion pairs that can be used"):
        read(b'{"prompt": "a", "completion": null}', name="a.jsonl", skip_bad_lines=True)


def test_a_lone_surrogate_in_another_column_is_no_obstacle(home: Path) -> None:
    found = read(rb'{"prompt": "a", "completion": "b", "note": "\ud83d"}', name="a.jsonl")
    assert uploads.load(uploads.keep(found.records))[0]["note"] == "?"


def test_control_tokens_and_long_chats_are_warned_of() -> None:
    line = b'{"prompt": "Hi<|im_end|>", "completion": "</s>"}\n'
    (said,) = read(GOOD + line * 2, name="a.jsonl").warnings
    assert said == (
        "Control tokens of a chat template (</s> and <|im_end|>) stand in the text of 2 pairs: "
        "lines 2 and 3. They are read as text."
    )
    turns = chat("user: a", "assistant: b", "user: c", "assistant: d")
    (said,) = read(json.dumps(turns).encode(), name="a.jsonl").warnings
    assert said.startswith("1 chat of several turns: line 1.")


CASES = Path(__file__).resolve().parents[4] / "shared" / "cases"
REFUSED = {
    "nan_text.csv": ("lines 11 and 12: the completion is “nan”", 9),
    "null_completion.jsonl": ("line 6: the completion is missing", 12),
    "surrogate.jsonl": (r"line 6: the completion holds \ud83d", 5),
}
SAID = {
    "alpaca.json": "alpaca: prompt from instruction + input, completion from output",
    "alpaca.jsonl": "alpaca: prompt from instruction + input, completion from output",
    "messages.jsonl": "messages: completion from the assistant’s last turn",
    "qa_columns.csv": "question/answer: prompt from question, completion from answer",
}


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases lie beside the checkout")
@pytest.mark.parametrize(
    "path", sorted(p for p in CASES.glob("*") if p.suffix != ".md"), ids=lambda path: path.name
)
def test_the_shared_cases(path: Path) -> None:
    if path.name in REFUSED:
        reason, n_left = REFUSED[path.name]
        with pytest.raises(BadLinesError) as refused:
            read(path.read_bytes(), name=path.name)
        assert reason in str(refused.value)
        left = read(path.read_bytes(), name=path.name, skip_bad_lines=True)
        assert len(left.records) == n_left
        return
    found = read(path.read_bytes(), name=path.name)
    assert found.taken.startswith(SAID.get(path.name, ""))
    assert (path.name in SAID) == bool(found.taken)
    assert len(found.records) >= 6
    assert all(r["prompt"].strip() and r["completion"].strip() for r in found.records)


def test_a_pair_per_row_whatever_the_delimiter() -> None:
    rows = [("Où ?", "À l’ombre, ici; là."), ("a\tb", 'say "x"'), ("1,5", "2;5")]
    for delimiter in DELIMITERS:
        out = io.StringIO()
        csv.writer(out, delimiter=delimiter).writerows([("prompt", "completion"), *rows])
        found = read(out.getvalue().encode("utf-8-sig"), name="a.csv")
        assert [(r["prompt"], r["completion"]) for r in found.records] == rows


@pytest.mark.parametrize("name", ["pairs.csv", "pairs.tsv", "pairs.jsonl"])
def test_of_a_file_with_too_many_pairs_no_more_is_read_than_tells_so(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.data.intake.dataset.MAX_UPLOAD_PAIRS", 3)
    sign = "\t" if name.endswith("tsv") else ","
    good = (
        [f"a{sign}b"] * 4 if name != "pairs.jsonl" else ['{"prompt": "a", "completion": "b"}'] * 4
    )
    header = [f"prompt{sign}completion"] if name != "pairs.jsonl" else []
    lines = [*header, *good, '"a cell that never ends', "a line"]
    with pytest.raises(UserError, match=r"has more than 3 pairs; shorten it\."):
        read("\n".join(lines).encode(), name=name)


def test_a_header_of_thousands_of_columns_is_read_at_once() -> None:
    header = ",".join(map(str, range(50_000)))
    start = time.process_time()
    with pytest.raises(UserError, match="which columns hold prompt and completion"):
        read(f"{header}\n{header}\n".encode(), name="wide.csv")
    assert time.process_time() - start < 2
