"""The campaign of faults, in small: each kind finds what is wrong, resumes, and reports. Not the campaign itself."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from random import Random

import pytest

from core.bench.faults import (
    addresses,
    campaign,
    connections,
    damage,
    kills,
    nodes,
    options,
    postgresql,
    recorded_files,
    uploads,
)
from core.bench.faults.tries import (
    ECHO,
    HANG,
    NOT_TRIED,
    SENTENCE,
    SILENT,
    TRACEBACK,
    Try,
    attempt,
)
from core.cli import faults
from core.cli.main import build_parser, main
from core.errors import UserError
from core.paths import ROOT
from core.typed_json import read


def raising(error: BaseException) -> Callable[[], str]:
    def action() -> str:
        raise error

    return action


@pytest.mark.parametrize(
    ("action", "outcome"),
    [
        (lambda: "", SILENT),
        (lambda: "The file is empty.", SENTENCE),
        (raising(UserError("The file is empty.")), SENTENCE),
        (raising(UserError(f"No run {'x' * 101}.")), ECHO),
        (raising(UserError(f"No run {'x' * 99}….")), SENTENCE),
        (raising(KeyError("gone")), TRACEBACK),
        (raising(SystemExit(3)), TRACEBACK),
    ],
)
def test_how_a_try_ends(action: Callable[[], str], outcome: str) -> None:
    assert attempt(action, ["x" * 5_000]).outcome == outcome


def test_what_takes_too_long_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.bench.faults.tries.PATIENCE_S", 0.05)

    def for_ever() -> str:
        while True:
            pass

    assert attempt(for_ever).outcome == HANG
    monkeypatch.setattr("core.bench.faults.tries.LIMIT_S", 0.0)
    assert attempt(lambda: str(sum(range(10_000)))).outcome == HANG


@contextmanager
def counting(place: Path) -> Iterator[Callable[[int, Random], Try]]:
    """A kind whose third try ends badly."""

    def one(number: int, random: Random) -> Try:
        outcome = TRACEBACK if number == 2 else SILENT
        return Try(kind="counting", number=number, what=str(random.random()), outcome=outcome)

    yield one


def carry_out(out: Path, n: int, *, seed: int = 0, resume: bool = False) -> list[Try]:
    return campaign.carry_out({"counting": counting}, seed=seed, n=n, out=out, resume=resume)


def test_a_stopped_campaign_goes_on_with_the_same_tries(tmp_path: Path) -> None:
    whole = carry_out(tmp_path / "whole", 5)
    carry_out(tmp_path / "parts", 3)
    with (tmp_path / "parts" / campaign.TRIES).open("a") as file:
        file.write('{"seed": 0, "kind": "coun')  # killed in the middle of a line
    assert carry_out(tmp_path / "parts", 5, resume=True) == whole
    assert campaign.done_before(tmp_path / "parts" / campaign.TRIES, 0) == whole
    assert len({one.what for one in whole}) == 5
    assert carry_out(tmp_path / "other", 5, seed=1) != whole


def test_a_record_is_not_overwritten_nor_mixed(tmp_path: Path) -> None:
    carry_out(tmp_path, 2)
    with pytest.raises(UserError, match="is there already; go on with --resume"):
        carry_out(tmp_path, 2)
    with pytest.raises(UserError, match="made with another --seed"):
        carry_out(tmp_path, 2, seed=1, resume=True)


def test_the_report_counts_and_shows_what_ended_badly(tmp_path: Path) -> None:
    found = campaign.report(carry_out(tmp_path, 5), seed=0)
    assert (
        found.counts["counting"] | {"tried": 5, SILENT: 4, TRACEBACK: 1} == found.counts["counting"]
    )
    assert found.n_bad == 1
    campaign.write(found, tmp_path)
    text = (tmp_path / "faults.md").read_text()
    assert text.startswith("# 1 of 5 tries ended badly\n")
    assert "| counting | 5 | 0 | 4 | 0 | 1 |" in text
    assert json.loads((tmp_path / "faults.json").read_text())["found"][0]["number"] == 2


def test_the_report_names_the_code_that_was_tried_and_no_folder_of_this_machine() -> None:
    said = (
        f'Traceback:\n  File "{ROOT}/core/cli/main.py", line 3, in main\n'
        '  File "/home/me/v/lib/site-packages/numpy/a.py", line 1\nKeyError: 1'
    )
    tries = [
        Try(kind="a", number=n, what="", outcome=TRACEBACK, said=said, commit=f"commit{n}")
        for n in range(2)
    ]
    found = campaign.report(tries, seed=0)
    assert found.stamp.commit == "commit0, commit1"
    assert [alike.times for alike in found.found] == [2]
    shown = json.dumps(asdict(found))
    assert str(ROOT) not in shown
    assert "/home/me" not in shown
    assert 'File \\"core/cli/main.py' in shown


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A campaign of one kind with two tries, and where a record of it goes."""
    monkeypatch.setattr(campaign, "USUAL", {"counting": 2})
    monkeypatch.setattr(faults, "kinds", lambda main, parser: {"counting": counting})
    monkeypatch.setattr(faults, "FOLDER", tmp_path / "recorded")
    return tmp_path


def test_a_campaign_is_recorded_with_how_it_came_about(counted: Path) -> None:
    assert main(["bench", "faults", "--record", "--out", str(counted / "out"), "--seed", "3"]) == 0
    kept = read(campaign.Report, json.loads((counted / "recorded" / "faults.json").read_text()))
    assert kept.command == "python -m core bench faults --seed 3"
    assert kept.finding == "None of 2 tries ended badly"
    assert kept.stamp.machine
    assert (counted / "recorded" / "faults.md").is_file()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--n", "1"], "A record holds the whole campaign"),
        (["--only", "counting"], "A record holds the whole campaign"),
        ([], "Nothing was recorded, as not all could be tried: no right to mount"),
    ],
)
def test_only_a_whole_campaign_is_recorded(
    words: list[str], reason: str, counted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "kinds", lambda main, parser: {"counting": lacking})
    with pytest.raises(UserError, match=reason):
        faults.run_faults(build_parser().parse_args(["bench", "faults", "--record", *words]), main=main, build_parser=build_parser)  # fmt: skip
    assert not (counted / "recorded").exists()


@contextmanager
def lacking(place: Path) -> Iterator[Callable[[int, Random], Try]]:
    yield lambda number, random: Try(
        kind="lacking", number=number, what="no right to mount", outcome=NOT_TRIED
    )


def test_without_what_a_kind_needs_nothing_is_tried(tmp_path: Path) -> None:
    tries = campaign.carry_out({"lacking": lacking}, seed=0, n=9, out=tmp_path, resume=False)
    assert len(tries) == 1
    assert campaign.report(tries, seed=0).counts["lacking"]["tried"] == 0


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.thorough
def test_damaged_uploads_end_in_sentences(home: Path) -> None:
    with uploads.trying(home) as one:
        tries = [one(number, Random(number)) for number in range(60)]
    assert {t.outcome for t in tries} <= {SENTENCE, SILENT}, tries
    assert {t.outcome for t in tries} == {SENTENCE, SILENT}


def test_every_option_of_every_command_is_tried() -> None:
    found = options.options_of(build_parser())
    assert options.Option("train", "--lr") in found
    assert options.Option("score", "--reference") in found
    assert options.Option("data", "") in found
    commands = {option.command for option in found}
    assert {"train", "generate", "evaluate", "runs", "memory", "export", "record"} <= commands
    assert options.Option("runs delete", "") in found
    assert options.Option("recorded check", "--folder") in found
    assert options.Option("models check", "--dtype") in found
    assert "bench" not in commands


@pytest.mark.parametrize("broken", [raising(KeyError("x")), lambda: 7])
def test_a_command_that_breaks_is_found(
    broken: Callable[[], object], home: Path, tmp_path: Path
) -> None:
    option = options.Option("data", "--map")

    def command(words: Sequence[str]) -> int:
        return broken()  # type: ignore[return-value]

    assert options.try_option(0, option, "x", command, "RUN").outcome == TRACEBACK


@pytest.mark.thorough
def test_hostile_options_end_in_sentences(tmp_path: Path) -> None:
    with options.trying(tmp_path, main, build_parser()) as one:
        tries = [one(number, Random(number)) for number in range(150)]
    assert [t for t in tries if t.outcome not in (SENTENCE, SILENT)] == []


@pytest.mark.thorough
def test_damage_is_made_and_read(tmp_path: Path) -> None:
    with damage.trying(tmp_path, main) as one:
        tries = [one(number, Random(number)) for number in range(12)]
    assert len({t.what for t in tries}) > 6
    assert any(t.outcome in (SENTENCE, SILENT) for t in tries)


@pytest.mark.proof
@pytest.mark.thorough
def test_damaged_recorded_files_end_in_sentences(tmp_path: Path, home: Path) -> None:
    with recorded_files.trying(tmp_path / "place", main) as one:
        tries = [one(number, Random(number)) for number in range(60)]
    assert [t for t in tries if t.outcome not in (SENTENCE, SILENT)] == []
    assert {t.outcome for t in tries} == {SENTENCE, SILENT}


@pytest.mark.proof
@pytest.mark.thorough
def test_hostile_addresses_end_in_sentences(home: Path) -> None:
    with addresses.trying(home / "served") as one:
        tries = [one(number, Random(number)) for number in range(26)]
    assert [t for t in tries if t.outcome in (TRACEBACK, ECHO)] == []


@pytest.mark.slow
def test_endless_numbers_in_an_address_are_left_out(tmp_path: Path) -> None:
    """The fields are there only once the model is."""
    with addresses.serving(tmp_path) as server:
        addresses.try_address(server, 0, "lora", "lora_seed", "1")  # the first load imports
        for value in ("inf", "-inf", "nan", "1e999", "9" * 400, "9" * 5_000):
            tried = addresses.try_address(server, 0, "lora", "lora_seed", value)
            assert tried.outcome == SILENT, tried


def test_a_campaign_kills_sixty_times_what_it_can() -> None:
    kinds = faults.kinds(main, build_parser())
    kills = {kind: campaign.USUAL[kind] for kind in ("kills", "servers", "connections", "nodes")}
    assert sum(kills.values()) == 60
    assert set(kills) - set(kinds) == (set() if nodes.is_possible() else {"nodes"})


def test_a_kind_that_needs_what_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "is_possible", lambda: False)
    words = ["bench", "faults", "--only", "nodes", "--n", "1"]
    with pytest.raises(UserError, match="packages that are not installed"):
        faults.run_faults(build_parser().parse_args(words), main=main, build_parser=build_parser)
    monkeypatch.setattr(postgresql, "find", lambda program: None)
    for kind in (connections, nodes):
        with kind.trying(Path("nowhere")) as one:
            assert one(0, Random(0)).outcome == NOT_TRIED


def test_the_environment_is_as_it_was_after_a_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:////mine")
    monkeypatch.delenv("TUNING_FORK_ARTIFACTS", raising=False)
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    (tmp_path / "cache").mkdir()
    with kills.own_place(tmp_path / "place", TUNING_FORK_ARTIFACTS="file:///x"):
        assert os.environ["DATABASE_URL"] == ""  # not that of this machine's runs
        assert os.environ["TUNING_FORK_HOME"] == str(tmp_path / "place")
        assert (tmp_path / "place" / "cache").resolve() == tmp_path / "cache"
    assert os.environ["DATABASE_URL"] == "sqlite:////mine"
    assert os.environ["TUNING_FORK_HOME"] == str(tmp_path)
    assert "TUNING_FORK_ARTIFACTS" not in os.environ
