"""Recorded runs are read as live ones are: their events, times, settings, and nothing that is not there."""

import gzip
import json
import math
import time
from dataclasses import replace
from pathlib import Path

import pytest

from core.config import DataConfig, MethodConfig, OptimizerConfig, RunConfig
from core.errors import UserError
from core.events import MatrixMovement, Movement, Sample, Step
from core.recorded import answers as recorded_answers
from core.recorded import (
    as_run,
    collection,
    collections,
    files,
    find,
    find_run,
    nearest,
    recorded_answer,
)
from core.runs.messages import LookAtSpectrum, Spectrum, StepThrough
from core.runs.states import RunStatus
from core.runs.store import RunStore
from core.train.phases import ClipPhase
from core.typed_json import JsonObject
from tests.core.recorded.conftest import STAMP, Write, events_of

BASE = RunConfig()


def at(rate: float, *, rank: int = 8, seed: int = 0) -> RunConfig:
    return replace(
        BASE,
        optimizer=OptimizerConfig(learning_rate=rate),
        method=MethodConfig(rank=rank),
        seed=seed,
    )


def test_a_run_is_read_back_as_it_was_said(write: Write, tmp_path: Path) -> None:
    written = write(at(3e-4))
    (one,) = collections(folder=tmp_path)
    (run,) = one.runs
    assert run == written
    assert (run.config, run.config_hash) == (at(3e-4), at(3e-4).hash)
    assert run.stamp == STAMP
    assert run.summary.scores == {"sentiment": 0.75}
    said, events = events_of(run.run_id), run.events()
    assert [type(e) for e in events] == [type(e) for e in said]
    assert run.times() == [0.25 * i for i in range(len(said))]
    first, second, _ = [e for e in events if isinstance(e, Step)]
    assert (first.loss, first.tokens_per_s, first.tokens_computed) == (0.1235, 123457.0, 321)
    assert math.isnan(second.loss)
    assert [e for e in events if isinstance(e, Sample)] == [
        e for e in said if isinstance(e, Sample)
    ]
    (moved,) = [e for e in events if isinstance(e, Movement)]
    assert moved.rows == [MatrixMovement(layer=0, module="query", relative=0.0001235)]
    assert run.where == "Recorded on a machine (2026-11-28, float32, commit abc)."
    assert find_run(run.run_id, folder=tmp_path) == run


def test_what_reads_a_live_run_reads_a_recorded_one(
    write: Write, tmp_path: Path, home: Path
) -> None:
    """The store and a recording give runs and events of the same classes, with the same fields."""
    recorded = write(at(3e-4))
    run, store = as_run(recorded), RunStore()
    live = store.start(recorded.config, worker="me")
    for event in events_of(recorded.run_id):
        store.append(live.id, event)
    store.finish(live.id, recorded.summary)
    ended = store.get(live.id)
    assert type(run) is type(ended)
    assert (run.config, run.summary.scores) == (ended.config, ended.summary.scores)
    assert run.status is ended.status is RunStatus.FINISHED
    assert (run.ended_at or 0) - (run.started_at or 0) == recorded.seconds
    assert time.gmtime(run.ended_at)[:5] == (2026, 11, 28, 10, 0)
    assert list(map(type, recorded.events())) == list(map(type, store.events(live.id)))


def test_events_stay_as_they_are_whoever_changes_the_list(write: Write, tmp_path: Path) -> None:
    run = write(BASE)
    run.events().clear()
    run.times().clear()
    assert len(run.events()) == len(run.times()) == len(events_of("x"))


def test_the_same_run_makes_the_same_bytes(write: Write) -> None:
    run = write(BASE)
    before = run.path.read_bytes()
    files.write_lines(run.path, files.read_lines(run.path))
    assert run.path.read_bytes() == before
    assert before[4:8] == b"\0\0\0\0"  # no time of writing


def test_exactly_these_settings_or_none(write: Write, tmp_path: Path) -> None:
    one = write(at(1e-3))
    other = write(at(3e-3), name="two", identity="other code")
    assert find(at(1e-3), folder=tmp_path) == one
    assert find(at(3e-3), folder=tmp_path) == other
    assert find(at(2e-3), folder=tmp_path) is None
    assert find(at(1e-3, seed=1), folder=tmp_path) is None


def test_a_setting_is_found_after_a_version_hashes_it_otherwise(
    write: Write, tmp_path: Path
) -> None:
    """As when RunConfig gets a new field: every hash is another one then, the old ones too."""
    run = write(at(1e-3))
    index = tmp_path / "one" / "index.json"
    index.write_text(
        index.read_text("utf-8").replace(at(1e-3).hash, "0" * 16).replace(BASE.hash, "1" * 16)
    )
    found = find(at(1e-3), folder=tmp_path)
    assert found is not None
    assert found.run_id == run.run_id


def test_a_recording_made_anew_is_read_anew(write: Write, tmp_path: Path) -> None:
    write(at(1e-3))
    assert find(at(3e-3), folder=tmp_path) is None
    write(at(3e-3))
    assert find(at(3e-3), folder=tmp_path) is not None


def test_nothing_recorded_is_an_empty_collection(tmp_path: Path) -> None:
    assert collection("nothing", folder=tmp_path).runs == ()
    assert collections(folder=tmp_path / "nowhere") == []
    assert find(BASE, folder=tmp_path) is None
    with pytest.raises(UserError, match="Nothing is recorded of nothing"):
        nearest(BASE, among=collection("nothing", folder=tmp_path))
    with pytest.raises(UserError, match="There is no recorded run 'x'; list them with"):
        find_run("x", folder=tmp_path)


def test_the_nearest_is_by_ratio_and_says_how_it_differs(write: Write, tmp_path: Path) -> None:
    write(at(1e-4))
    one = write(at(1e-3))
    among = collection("one", folder=tmp_path)
    run, differences = nearest(at(4e-4), among=among, on=("optimizer.learning_rate",))
    assert run == one
    (difference,) = differences
    assert (difference.path, difference.wanted, difference.recorded) == (
        "optimizer.learning_rate",
        4e-4,
        1e-3,
    )
    run, differences = nearest(at(1e-3, seed=7), among=among)
    assert (run, [d.path for d in differences]) == (one, ["seed"])
    assert nearest(at(1e-3), among=among) == (one, [])


def test_lists_are_nearer_the_more_they_have_in_common(write: Write, tmp_path: Path) -> None:
    def mixed(*others: str) -> RunConfig:
        return replace(BASE, data=DataConfig(others=others))

    write(BASE)
    wide = write(mixed("names", "topic", "emotion"))
    write(mixed("qa"))
    among = collection("one", folder=tmp_path)
    run, _ = nearest(mixed("names", "topic"), among=among, on=("data.others",))
    assert run == wide


def test_what_is_not_turned_differs_last(write: Write, tmp_path: Path) -> None:
    """A run of another method is further than any rate of the same one."""
    write(replace(at(1e-3), method=MethodConfig(name="full")))
    far = write(at(1e-5))
    among = collection("one", folder=tmp_path)
    run, differences = nearest(at(1e-3), among=among, on=("optimizer.learning_rate",))
    assert (run, [d.path for d in differences]) == (far, ["optimizer.learning_rate"])


def test_damaged_files_are_told_in_a_sentence(write: Write, tmp_path: Path) -> None:
    run = write(BASE)
    cut = run.path.read_bytes()[:-20]
    for content in (cut, b"", b"no gzip", gzip.compress(b"[1]\n"), gzip.compress(b"\xff\n")):
        run.path.write_bytes(content)
        with pytest.raises(UserError, match="cannot be read"):
            run.events()
    run.path.unlink()
    with pytest.raises(UserError, match="cannot be read: No such file"):
        run.events()
    (tmp_path / "one" / "index.json").write_text('{"runs": [{}]}')
    with pytest.raises(UserError, match=r"index\.json cannot be read: 'run_id' is missing"):
        collection("one", folder=tmp_path)
    (tmp_path / "one" / "index.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        collection("one", folder=tmp_path)


DEEP = "[" * 100_000
DAMAGED_EVENTS = {
    "no events": [],
    "too deep": [DEEP],
    "a time that is none": ['{"type": "step", "at": "soon"}'],
    "a time that goes back": ['{"type": "step", "at": 2}', '{"type": "step", "at": 1}'],
    "a time without end": ['{"type": "step", "at": Infinity}'],
    "a number of 400 digits": [f'{{"type": "step", "at": {"9" * 400}}}'],
    "no object": ["7"],
}


@pytest.mark.parametrize("lines", DAMAGED_EVENTS.values(), ids=DAMAGED_EVENTS)
def test_damaged_events_are_told_in_a_sentence(lines: list[str], write: Write) -> None:
    run = write(BASE)
    head, *_ = files.read_lines(run.path)
    text = "\n".join([files.line_of(head), *lines])
    run.path.write_bytes(gzip.compress(text.encode()))
    with pytest.raises(UserError, match=r"^The recorded .+ cannot be read: .{1,150}$"):
        run.events()


def test_a_small_file_that_unpacks_to_a_huge_one_is_refused(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write(BASE)
    run.path.write_bytes(gzip.compress(b" " * 2**21))
    monkeypatch.setattr(files, "MOST_TEXT", 2**20)
    with pytest.raises(UserError, match="it unpacks to more than 1 MB"):
        run.events()


DAMAGED_RUNS = {
    "run_id": ("../../../etc/passwd", 7, None, ""),
    "seconds": ("long", float("inf"), None, 10**400),
    "config": ([], "x", None),
    "config_hash": (7, None, []),
    "command": (7, None),
    "stamp": ("x", {"quiet": 7}),
    "summary": (None, {"scores": []}),
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in DAMAGED_RUNS.items() for value in values]
)
def test_a_damaged_index_is_told_in_a_sentence(
    name: str, value: object, write: Write, tmp_path: Path
) -> None:
    run = write(BASE).to_dict() | {name: value}
    index = tmp_path / "one" / "index.json"
    index.write_text(json.dumps({"runs": [run]}))
    with pytest.raises(UserError, match=r"index\.json cannot be read: .{1,150}$"):
        collection("one", folder=tmp_path)
    index.write_text(f'{{"runs": {DEEP}')
    with pytest.raises(UserError, match="it is nested too deeply"):
        collection("one", folder=tmp_path)


def test_a_damaged_collection_hides_no_other(write: Write, tmp_path: Path) -> None:
    run = write(BASE, name="two")
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "index.json").write_text("{")
    assert find(BASE, folder=tmp_path) == run
    assert find(at(1e-5), folder=tmp_path) is None
    with pytest.raises(UserError, match=r"one.index\.json cannot be read"):
        collection("one", folder=tmp_path)


def test_a_text_may_hold_what_python_takes_for_an_end_of_a_line(write: Write) -> None:
    run = write(BASE)
    head, first, *_ = files.read_lines(run.path)
    said = Sample(step=3, task="", prompt="\u2028", reference="\x85", output="a\u2029b\x1c\x0c")
    files.write_lines(run.path, [head, first, said.to_dict()])
    assert run.events(Sample) == [said]


def test_answers_are_found_by_exactly_their_request(write: Write, tmp_path: Path) -> None:
    run = write(BASE)
    asked = LookAtSpectrum(run=run.run_id, layer=1, module="query")
    spectrum = Spectrum(
        singular_values=[1 / 3],
        energy=[1.0],
        effective_rank=1.0,
        relative=0.5,
        shape=[2, 2],
        control_values=[1.0],
        control_rank=1.0,
    )
    path = recorded_answers.path_of(tmp_path / "one", run.run_id)
    recorded_answers.save(path, [(asked, [spectrum])], identity=run.identity, stamp=run.stamp)
    assert recorded_answer(asked, folder=tmp_path) == [replace(spectrum, singular_values=[0.3333])]
    assert recorded_answer(replace(asked, layer=2), folder=tmp_path) is None
    assert recorded_answer(replace(asked, run="another"), folder=tmp_path) is None


@pytest.mark.parametrize(
    "line", [{}, {"asked": 7}, {"asked": {"op": "spectrum"}, "answers": 7}, {"asked": None}]
)
def test_damaged_answers_are_told_in_a_sentence(line: JsonObject, tmp_path: Path) -> None:
    path = recorded_answers.base_path(tmp_path)
    files.write_lines(path, [{"identity": "i", "stamp": "x"}, line])
    with pytest.raises(UserError, match=r"cannot be read|knows no operation"):
        recorded_answers.all_recorded(folder=tmp_path)
    with pytest.raises(UserError, match="cannot be read"):
        recorded_answers.how(path)


def test_the_base_models_answers_are_found_by_settings_too(tmp_path: Path) -> None:
    clip = ClipPhase(step=1, scale=0.5, before=2.0, after=1.0, clip_norm=1.0)
    asked = StepThrough(config=at(1e-3), phase=4, known=4)
    path = recorded_answers.base_path(tmp_path)
    recorded_answers.save(path, [(asked, [clip])], identity="i", stamp=STAMP)
    assert recorded_answer(asked, folder=tmp_path) == [clip]
    assert recorded_answer(replace(asked, config=at(2e-3)), folder=tmp_path) is None
    assert recorded_answers.how(path) == ("i", STAMP)


def test_reading_one_run_is_quick_and_takes_no_other(write: Write, tmp_path: Path) -> None:
    """Of 12 runs one is shown: one file is opened besides the index."""
    for seed in range(12):
        write(at(1e-3, seed=seed))
    opened: list[Path] = []
    read = files.read_lines
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "core.recorded.run.read_lines", lambda path: opened.append(path) or read(path)
        )
        found = find(at(1e-3, seed=7), folder=tmp_path)
        assert found is not None
        found.events()
        found.times()
    assert opened == [found.path]
