"""What the Ray engine decides when actors come and go, with actors made here in the place of a cluster's."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from core.config import RunConfig
from core.errors import UserError
from core.generate.tokens import Token
from core.runs.engines import ray_engine
from core.runs.engines.ray_engine import RayEngine
from core.runs.messages import Generate, Generated
from core.runs.pipe import AnswerLine, answer_line, line_of
from core.runs.schema import StoreError
from core.runs.states import RunStatus
from core.runs.store import RunStore

ASKED = Generate(model="a-model", text="Hi")
WORD = Generated(
    n_prompt=1,
    token=Token(id=5, piece="a", text="a", probability=0.5, n_tokens=1, elapsed_s=0.1, ended=False),
)


class LostError(Exception):
    """As Ray raises it."""


@dataclass
class Actor:
    role: str
    node: str
    says: Callable[[int], Iterator[AnswerLine | None]] | None = None
    hello: dict[str, Any] = field(default_factory=dict[str, Any])
    is_ready: bool = True
    is_busy: bool = False
    pending: int = 0
    warm_for: set[str] = field(default_factory=set[str])
    calls: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])
    was_killed: bool = False

    def __post_init__(self) -> None:
        self.hello = {
            "worker": f"ray/{self.node}:1:1.00",
            "ready": {"device": "cpu", "dtype": "float32", "gflops": {}},
        }

    def work(self) -> None:
        self.is_busy = True

    def call(self, *what: Any) -> None:
        self.calls.append(what)

    def kill(self) -> None:
        self.was_killed = True

    def stream(self, method: str, line: dict[str, Any]) -> Iterator[dict[str, Any] | None]:
        assert method == "answer"
        assert self.says
        for said in self.says(line["request"]):
            yield line_of(said) if said else None


class Cluster:
    """As `core.runs.engines.ray_cluster.Cluster`."""

    lost_errors = (LostError,)

    def __init__(self) -> None:
        self.all: list[Actor] = []
        self.gone: list[Actor] = []
        self.was_covered = False

    def actors(self, role: str) -> list[Actor]:
        return [actor for actor in self.all if actor.role == role]

    def cover_nodes(self) -> None:
        self.was_covered = True

    def look(self) -> list[Actor]:
        gone, self.gone = self.gone, []
        return gone

    def close(self) -> None:
        self.all = []


@pytest.fixture
def engine(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RayEngine]:
    """It looks at the cluster when a test says so."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setattr(ray_engine, "Cluster", Cluster)
    monkeypatch.setattr(RayEngine, "_watch", lambda self: None)
    made = RayEngine(RunStore())
    yield made
    made.close()


def cluster_of(engine: RayEngine, *actors: Actor) -> Any:
    found: Any = engine._cluster
    found.all = list(actors)
    return found


def test_idle_actors_work_when_a_run_waits(engine: RayEngine) -> None:
    first, second = Actor("train", "a"), Actor("train", "b", is_busy=True)
    cluster = cluster_of(engine, first, second)
    engine._look()
    assert not first.is_busy
    assert not cluster.was_covered  # neither a run nor a prepared model
    engine.store.submit(RunConfig())
    engine._look()
    assert first.is_busy
    assert cluster.was_covered


@pytest.mark.thorough
def test_the_run_of_a_lost_actor_starts_again_also_when_the_database_was_away_then(
    engine: RayEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, cluster = Actor("train", "a"), cluster_of(engine)
    engine.store.submit(RunConfig())
    run = engine.store.claim(worker=lost.hello["worker"])
    assert run is not None
    cluster.gone = [lost]

    def away(worker: str) -> None:
        raise StoreError("The database is away.")

    with monkeypatch.context() as patch:
        patch.setattr(engine.store, "start_again", away)
        with pytest.raises(StoreError):
            engine._look()
    assert engine.store.get(run.id).status is RunStatus.RUNNING
    engine._look()
    assert engine.store.get(run.id).status is RunStatus.QUEUED
    engine._look()
    assert engine._lost == []


def test_one_that_is_given_up_is_killed(engine: RayEngine) -> None:
    hung, other = Actor("train", "a"), Actor("train", "b")
    cluster_of(engine, hung, other)
    engine._end_hung(hung.hello["worker"])
    assert (hung.was_killed, other.was_killed) == (True, False)


# Questions


def answers(number: int) -> Iterator[AnswerLine | None]:
    yield answer_line(number, WORD)
    yield None
    yield AnswerLine(request=number, done=True)


def loses(number: int) -> Iterator[AnswerLine | None]:
    yield None
    raise LostError(number)


def loses_amid(number: int) -> Iterator[AnswerLine | None]:
    yield answer_line(number, WORD)
    raise LostError(number)


def refuses(number: int) -> Iterator[AnswerLine | None]:
    yield AnswerLine(request=number, error="The prompt is empty.")


def test_answers_come_from_the_one_with_the_least_to_do(engine: RayEngine) -> None:
    idle, busy = Actor("ask", "b", answers), Actor("ask", "a", refuses, pending=3)
    cluster_of(engine, idle, busy, Actor("ask", "0", refuses, is_ready=False))
    assert list(engine.ask(ASKED)) == [WORD]
    assert list(engine.ask(ASKED, beat=True)) == [WORD, None]
    assert engine.waiting_questions() == 3
    assert idle.calls == []


def test_of_equals_the_one_that_is_warm_for_the_run_answers(engine: RayEngine) -> None:
    cold, warm = Actor("ask", "a", refuses), Actor("ask", "b", answers, warm_for={"a-model"})
    cluster_of(engine, cold, warm)
    assert list(engine.ask(ASKED)) == [WORD]


def test_a_question_that_lost_its_machine_before_a_word_is_asked_another(engine: RayEngine) -> None:
    cluster_of(engine, Actor("ask", "a", loses), Actor("ask", "b", answers))
    assert list(engine.ask(ASKED)) == [WORD]


def test_one_that_lost_it_amid_the_answer_says_so(engine: RayEngine) -> None:
    cluster_of(engine, Actor("ask", "a", loses_amid))
    found = engine.ask(ASKED)
    assert next(found) == WORD
    with pytest.raises(UserError, match="The machine that answered was lost"):
        next(found)
    assert engine.waiting_questions() == 0


def test_one_that_loses_every_machine_says_so(engine: RayEngine) -> None:
    cluster_of(engine, *(Actor("ask", f"{n}", loses) for n in range(5)))
    with pytest.raises(UserError, match="The machine that answered was lost"):
        list(engine.ask(ASKED))


def test_a_mistake_is_a_sentence_and_closing_cancels(engine: RayEngine) -> None:
    refusing = Actor("ask", "a", refuses)
    cluster_of(engine, refusing)
    with pytest.raises(UserError, match="The prompt is empty"):
        list(engine.ask(ASKED))
    assert refusing.calls == []
    refusing.says = answers
    early = engine.ask(ASKED)
    next(early)
    early.close()
    assert [call[0] for call in refusing.calls] == ["cancel"]
    assert engine.waiting_questions() == 0


def test_without_a_machine_it_says_where_to_look(
    engine: RayEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_engine, "PATIENCE_S", 0.2)
    with pytest.raises(UserError, match="ray status"):
        list(engine.ask(ASKED))


def test_what_the_cluster_is_is_known_once_an_actor_is_there(engine: RayEngine) -> None:
    assert engine.machine() is None
    assert not engine.is_warm("ask")
    cluster_of(engine, Actor("ask", "a"))
    machine = engine.machine()
    assert machine is not None
    assert machine.device == "cpu"
    assert engine.is_warm("ask")
    assert not engine.is_warm("train")
