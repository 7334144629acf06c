"""Figures of `bench classroom`: percentiles, the wall, what is foreign, what the records lack."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from core.bench import classroom
from core.bench.class_lesson import MARK, Class, Told, Wall, looking_for_foreign, mark
from core.bench.classroom import (
    CHROMIUM,
    Action,
    ClassLoad,
    Held,
    Shown,
    aims,
    finding,
    kinds,
    markdown,
    percentile,
    read_back,
    to_json,
)
from core.bench.measure_classroom import look_up
from core.classroom.guesses import Guess
from core.classwork.pupils import Pupil
from core.cli.main import main
from core.config import RunConfig
from core.course.progress import Entry, Progress
from core.events import Notice
from core.runs.store import RunStore, RunSummary, worker_identity


def load(
    clicks: Sequence[float | None] = (0.1, 0.2), delays: Sequence[float | None] = (1.0,)
) -> ClassLoad:
    return ClassLoad(
        command="python -m core bench classroom",
        n_learners=2,
        minutes=1,
        actions=tuple(
            Action(who="Marka", what="click run", at_s=float(n), first_s=s, done_s=s)
            for n, s in enumerate(clicks)
        ),
        shown=tuple(Shown(what="moved", delay_s=s) for s in delays),
        held=tuple(Held(at_s=float(n), server_mb=300.0 + n, workers_mb=900.0) for n in range(20)),
    )


def verdicts(found: ClassLoad) -> dict[str, str]:
    return {one.title.split(",")[0].split(" (")[0]: one.verdict for one in aims(found)}


def test_percentiles_are_measured_values() -> None:
    values = [float(n) for n in range(1, 101)]
    assert percentile(values, 0.95) == 95.0
    assert percentile(values, 0.5) == 50.0
    assert percentile([3.0], 0.95) == 3.0
    assert percentile([], 0.95) == 0.0


def test_opening_a_page_and_a_real_browser_count_apart() -> None:
    more = (
        Action(who="Marka", what="open forgetting", at_s=0, first_s=5.0, done_s=9.0),
        Action(who=CHROMIUM, what="choose before_task", at_s=0, first_s=3.0, done_s=3.0),
    )
    found = replace(load(), actions=(*load().actions, *more))
    assert found.clicks() == [0.1, 0.2]
    assert found.clicks(CHROMIUM) == [3.0]
    assert found.opened() == [9.0]
    assert "choose before_task, as Chromium shows it" in markdown(found)
    asked = [
        replace(found.actions[0], what=f"choose forgetting_ask_{id}_run") for id in ("why", "what")
    ]
    assert set(kinds(replace(found, actions=tuple(asked)))) == {"choose forgetting_ask"}


def test_verdicts_follow_what_was_measured() -> None:
    assert set(verdicts(load()).values()) == {"met"}
    assert verdicts(load(clicks=[0.1, 3.0]))["click to first change"] == "missed"
    assert verdicts(load(clicks=[0.1, None]))["clicks without an answer"] == "missed"
    assert verdicts(load(delays=[5.0]))["behind on the wall"] == "missed"
    assert verdicts(load(delays=[1.0, None]))["never on the wall"] == "missed"
    assert verdicts(load(clicks=[]))["click to first change"] == "not measured"
    assert (
        verdicts(replace(load(), foreign=("a got b",)))["data of other learners seen"] == "missed"
    )
    assert verdicts(replace(load(), lost=("x",)))["lost: events"] == "missed"
    assert "1 things went wrong" in finding(replace(load(), broken=("x",)))
    assert "nothing was lost" in finding(load())


def test_memory_counts_in_the_second_half() -> None:
    assert load().growth_mb(classroom.SERVER) == pytest.approx(8.0)  # of 310 to 319: 318.5 - 310.5
    assert load().growth_mb(classroom.WORKERS) == 0.0
    steep = tuple(Held(at_s=n, server_mb=100.0 * n, workers_mb=0) for n in range(20))
    grown = replace(load(), held=steep)
    assert "missed" in [one.verdict for one in aims(grown) if "server gained" in one.title]


def test_a_record_is_read_back_as_it_was() -> None:
    found = replace(load(), refused={"Too many.": 2}, foreign=("a got b",))
    assert read_back(to_json(found)) == found
    assert "2 times: Too many." in markdown(found)
    assert "a got b" in markdown(found)


@pytest.fixture
def lesson() -> Class:
    return Class(begun=0.0, wall=Wall(titles={"lora": "Lesson 7: LoRA & more", "": "Home"}))


def test_the_wall_is_behind_by_the_time_until_it_shows_what_is_due(
    lesson: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall = lesson.wall
    monkeypatch.setattr("core.bench.class_lesson.time.monotonic", lambda: 12.0)
    row = '<ul class="wall"><li><p><span>Lesson 7: LoRA &amp; more</span><b>2</b></p><div></div><small>Markaaaaaaaa, Mia</small></li></ul>'
    wall.moved("Markaaaaaaaa", "", 8.0)
    wall.moved("Markaaaaaaaa", "lora", 9.5)  # went on before it was shown
    wall.moved("Markbbbbbbbb", "lora", 9.0)
    wall.take(row.encode())
    assert wall.shown == [Shown(what="moved", delay_s=2.5)]
    wall.guessed(10.0, 1)
    wall.guessed(11.0, 3)
    wall.take(b"... 2 guessed ...")
    assert wall.shown[1:] == [Shown(what="guessed", delay_s=2.0)]
    never = [one for one in wall.finish() if one.delay_s is None]
    assert sorted(one.what for one in never) == ["guessed", "moved"]


def test_a_mark_of_another_learner_is_foreign(lesson: Class) -> None:
    mine, other = mark(Random(1)), mark(Random(2))
    assert mine != other
    assert MARK.fullmatch(mine.encode())
    look = looking_for_foreign(mine, lesson)
    look(b"\x0a\x0c" + mine.encode() + b" is here")
    assert lesson.foreign == []
    look(f"runs of {other}, {mine}".encode())
    assert lesson.foreign == [f"{mine} got {other}"]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return RunStore()


def test_what_learners_were_told_is_looked_up(store: RunStore) -> None:
    run = store.start(RunConfig(), worker=worker_identity())
    for step in range(3):
        store.append(run.id, Notice(step=step, message="m"))
    store.finish(run.id, RunSummary())
    answered = Entry(kind="answered", lesson="forgetting", item="why")
    known = Pupil(
        space="s",
        name="Mia",
        progress=Progress(entries=(answered,)),
        guesses={("forgetting", "park"): Guess(space="s", guess="a", at=0.0)},
        runs=(store.get(run.id),),
    )
    told = Told("Mia", joined=True, runs={run.id}, guess="a", answered={"why"})
    assert look_up([told], [known], store) == (3, [])
    other = Told("Mia", joined=True, runs={"gone"}, guess="b", answered={"what"})
    n_events, lost = look_up([other, Told("Max", joined=True)], [known], store)
    assert n_events == 0
    assert [said.split(" gone")[0] for said in lost] == [
        "Mia does not have the run",
        "Mia locked 'b'; recorded is 'a'",
        "Mia answered what, not recorded",
        "Max joined and is not in the class",
        "the run",
    ]


def test_a_failed_run_is_a_loss(store: RunStore) -> None:
    run = store.start(RunConfig(), worker=worker_identity())
    store.fail(run.id, "The disk is full.")
    known = Pupil(space="s", name="Mia", progress=Progress(), guesses={}, runs=(store.get(run.id),))
    _, lost = look_up([Told("Mia", runs={run.id})], [known], store)
    assert lost == [f"the run {run.id} failed: The disk is full."]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--record", "--learners", "3"], "A record holds 30 learners for 10 minutes"),
        (["--record", "--quick"], "A record holds 30 learners for 10 minutes"),
        (["--learners", "1000"], "--learners must be"),
        (["--chromium", "9"], "--chromium must be"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "classroom", *words]) == 2
    assert said in capsys.readouterr().err
