"""`record` and `recorded` on the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.cli.main import main
from core.config import RunConfig
from core.experiments.collapse import collapse
from core.experiments.collections import wanted
from core.recorded import files
from core.recorded.files import FOLDER, MOST_BYTES, size_bytes
from tests.core.recorded.conftest import Write, events_of

LIST = {
    "run_id", "collection", "config", "commit", "dtype", "device", "machine", "load", "recorded_at",
}  # fmt: skip


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit status, and the objects on standard output."""
    status = main(words)
    return status, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.thorough
def test_the_list_counts_what_is_there_and_what_is_not(
    home: Path, write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(collapse(), name="forgetting", identity="older")
    words = ["record", "--list", "--only", "forgetting,ranks", "--out", str(tmp_path), "--json"]
    status, rows = said(capsys, *words)
    assert status == 0
    counts = {one.name: len(one.configs) for one in wanted()}
    assert [(row["collection"], row["runs"]) for row in rows] == [
        (name, counts[name]) for name in ("forgetting", "ranks")
    ]
    assert [(row["done"], row["others"]) for row in rows] == [(0, 1), (0, 0)]
    assert all(row["expected_minutes"] > 1 for row in rows)


def test_a_dry_run_names_every_run_that_is_missing(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["record", "--dry-run", "--only", "sequences", "--out", str(tmp_path), "--json"]
    status, rows = said(capsys, *words)
    (one,) = (one for one in wanted() if one.name == "sequences")
    assert status == 0
    assert [row["hash"] for row in rows] == [config.hash for config in one.configs]
    assert RunConfig.from_dict(rows[0]["config"]) == one.configs[0]
    assert main(words[:-1]) == 0
    first, *_ = capsys.readouterr().out.splitlines()
    assert first == "sequences: sentiment then topic then names, full, rate 0.0003, seed 0"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--only", "poetry"], "The collection 'poetry' is not known; choose one of: forgetting"),
        (["--most", "-1"], "--most"),
        ([], "The model is not prepared yet; run: python -m core prepare"),
        (["--list", "--dry-run"], "not allowed with"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(
    home: Path, words: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["record", *words]) == 2
    assert reason in capsys.readouterr().err


@pytest.mark.thorough
def test_recorded_runs_are_listed_shown_and_checked(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write(collapse(), name="forgetting")
    place = ["--folder", str(tmp_path), "--json"]
    status, rows = said(capsys, "recorded", "list", *place)
    (row,) = rows
    assert status == 0
    assert row.keys() >= LIST
    assert RunConfig.from_dict(row["config"]) == collapse()
    assert (row["machine"], row["recorded_at"]) == ("a machine", "2026-11-28T10:00:00Z")
    status, (head, *events) = said(capsys, "recorded", "show", run.run_id, *place)
    assert (status, head["run_id"]) == (0, run.run_id)
    assert [e["type"] for e in events] == [e.type for e in events_of(run.run_id)]
    assert [e["at"] for e in events] == run.times()
    status, (first, *_, everything) = said(capsys, "recorded", "check", *place)
    assert (status, first["collection"], first["n_runs"], first["problems"]) == (
        0,
        "forgetting",
        1,
        [],
    )
    assert len(first["missing"]) == first["n_missing"] == first["n_wanted"] - 1
    assert (everything["n_runs"], everything["problems"]) == (1, [])
    run.path.write_bytes(b"")
    status, rows = said(capsys, "recorded", "check", *place)
    assert status == 1
    assert "cannot be read" in rows[0]["problems"][0]
    assert main(["recorded", "show", "nothing", *place]) == 2


@pytest.mark.parametrize(
    "words",
    [
        ["recorded", "list", "--folder"],
        ["recorded", "check", "--folder"],
        ["recorded", "show", "20260101-000000-abcdef", "--folder"],
        ["record", "--list", "--out"],
    ],
)
def test_a_folder_that_cannot_be_is_refused_in_a_sentence(
    home: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "a" * 5_000]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: argument --")
    assert "is no path here: File name too long" in said
    assert len(said) < 250


def test_a_run_of_another_version_does_not_end_the_list(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(collapse())
    write(RunConfig())
    index = tmp_path / "one" / "index.json"
    index.write_text(index.read_text("utf-8").replace('"rank": 8', '"rank": -8', 1))
    assert main(["recorded", "list", "--folder", str(tmp_path)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "no longer work" in first
    assert "sentiment" in second


@pytest.mark.thorough
def test_what_comes_with_the_app_is_whole_and_small(capsys: pytest.CaptureFixture[str]) -> None:
    status, _ = said(capsys, "recorded", "check", "--json")
    assert status == 0
    assert size_bytes(FOLDER) <= MOST_BYTES == 12 * 2**20


def test_a_full_run_takes_so_little_that_all_fit(write: Write, tmp_path: Path) -> None:
    """A check of what a run may take: 210 matrices moved at 4 checks, 80 answers, 20 next-token tables."""
    from core.events import MatrixMovement, Movement, NextTokens, Sample, TokenProbability

    run = write(RunConfig())
    events = [*events_of(run.run_id, n_steps=20)]
    for n in range(4):
        moved = [
            MatrixMovement(
                layer=i // 7, module=f"module_{i % 7}", relative=(1 + i * 37 % 101) / 9e4
            )
            for i in range(210)
        ]
        events.append(Movement(step=5 * n, rows=moved))
    for n in range(80):
        text = f"answer {n * 7919 % 1013} of the model to this"
        events.append(Sample(step=n, task="names", prompt=text, reference="x", output=text[::-1]))
    for n in range(20):
        likely = [
            TokenProbability(token=f" w{n * i}", probability=1 / (3 + n * i)) for i in range(12)
        ]
        events.append(NextTokens(step=n, prompt="What?", rows=likely))
    lines = [{**files.rounded(e.to_dict()), "at": 0.1 * i} for i, e in enumerate(events)]
    files.write_lines(run.path, [run.to_dict(), *lines])
    n_runs = sum(len(one.configs) for one in wanted())
    assert n_runs * (run.path.stat().st_size + 3_000) < MOST_BYTES
