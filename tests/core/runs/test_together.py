"""Questions that wait are answered as one batch, with the words that each would get alone."""

import queue
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from core.generate.settings import SamplingSettings
from core.runs import inference_session, together
from core.runs.answering import Questions, next_lines
from core.runs.inference_session import InferenceSession
from core.runs.messages import Generate, NextTokensAfter
from core.runs.pipe import AnswerLine, RequestLine, request_line
from core.runs.store import RunStore
from core.runs.together import MOST, answer_together
from tests.core.runs.test_inference_session import answer, finished

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """In bf16, a product of several rows is rounded otherwise than that of one."""
    monkeypatch.setattr(inference_session, "resolve_dtype", lambda wanted: "float32")


SHORT = SamplingSettings(max_new_tokens=6)
WARM = SamplingSettings(max_new_tokens=9, temperature=1.5, seed=3, top_k=40)


def never(place: int) -> bool:
    return False


def questions(folder: Path, **more: Any) -> list[Generate]:
    """Of different lengths, ways to sample and beginnings; two are equal."""
    first = Generate(model=str(folder.resolve()), text="cat 1", settings=SHORT, **more)
    return [
        first,
        replace(first, text="a dog ran and the cat sat on the mat", settings=WARM),
        replace(first, text="cat 1", settings=replace(WARM, seed=4)),
        first,
        replace(first, text="the", raw=True, settings=SamplingSettings(max_new_tokens=1)),
        replace(first, text="cat 12", forced=(40, 41)),
    ]


def alone(session: InferenceSession, asked: Generate) -> list[dict[str, Any]]:
    return [without_time(asdict(one)) for one in session.generate(asked)]


def without_time(said: dict[str, Any]) -> dict[str, Any]:
    token = said["token"]
    return said | {"token": token | {"elapsed_s": 0, "probability": round(token["probability"], 3)}}


def said_together(
    session: InferenceSession, asked: Sequence[Generate]
) -> tuple[list[list[dict[str, Any]]], list[int]]:
    """What is said at each place, and the places in the order in which they were done."""
    said: list[list[dict[str, Any]]] = [[] for _ in asked]
    done: list[int] = []
    for step in answer_together(session, asked, never):
        for place, message in step:
            if message is None:
                done.append(place)
            else:
                assert not isinstance(message, Exception), message
                said[place].append(without_time(asdict(message)))
    return said, done


def test_each_gets_the_tokens_that_it_would_get_alone(tiny_folder: Path) -> None:
    session = InferenceSession(RunStore())
    asked = questions(tiny_folder)
    said, done = said_together(session, asked)
    assert said == [alone(session, one) for one in asked]
    assert sorted(done) == list(range(len(asked)))
    assert done[0] == 4  # the shortest need not wait for the others


@pytest.mark.thorough
@pytest.mark.parametrize("method", ["lora", "prompt", "prefix", "full"])
def test_so_it_is_with_a_run_of_any_kind(tiny_folder: Path, method: str) -> None:
    run = finished(tiny_folder, method=method)
    session = InferenceSession(RunStore())
    asked = questions(tiny_folder, run=run)
    said, _ = said_together(session, asked)
    assert said == [alone(session, one) for one in asked]
    assert said[0][-1]["token"]["text"] == answer(session, tiny_folder, run=run)


def test_equal_questions_are_computed_once(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    real = together.BatchDecoder.__init__

    def counted(self: Any, module: Any, base: Any, batch: Any) -> None:
        sizes.append(len(batch))
        real(self, module, base, batch)

    monkeypatch.setattr(together.BatchDecoder, "__init__", counted)
    session = InferenceSession(RunStore())
    one = questions(tiny_folder)[0]
    said, done = said_together(session, [one] * 5)
    assert sizes == [1]
    assert said == [alone(session, one)] * 5
    assert sorted(done) == [0, 1, 2, 3, 4]


def test_one_that_is_refused_or_stopped_disturbs_no_other(tiny_folder: Path) -> None:
    session = InferenceSession(RunStore())
    good = questions(tiny_folder)[0]
    asked = [replace(good, text="cat " * 400), good, replace(good, text="a dog")]
    found: dict[int, list[Any]] = {0: [], 1: [], 2: []}
    for step in answer_together(session, asked, lambda place: place == 2 and bool(found[2])):
        for place, message in step:
            found[place].append(message)
    assert "at most 256 can be answered" in str(found[0][0])
    assert found[0][1] is None
    assert [without_time(asdict(m)) for m in found[1][:-1]] == alone(session, good)
    assert len(found[2]) == 2  # one token, and the end
    assert found[1][-1] is found[2][-1] is None


# The worker


def lines(*requests: Any) -> "queue.Queue[RequestLine]":
    found: queue.Queue[RequestLine] = queue.Queue()
    for number, request in enumerate(requests, start=1):
        found.put(request_line(number, request))
    return found


def test_what_is_alike_is_taken_together_and_the_rest_keeps_its_order() -> None:
    base, other = Generate(model="m", text="a"), Generate(model="m", text="b", run="r")
    table = NextTokensAfter(model="m", text="c")
    asked = lines(base, other, replace(base, text="d"), table, replace(other, text="e"), base)
    waiting: deque[RequestLine] = deque()
    taken = [[line.request for line in next_lines(asked, waiting)] for _ in range(3)]
    assert taken == [[1, 3, 6], [2, 5], [4]]
    assert not waiting
    many = lines(*[base] * (MOST + 3))
    assert [len(next_lines(many, waiting)) for _ in range(2)] == [MOST, 3]


def test_the_worker_says_to_each_what_is_theirs(
    tiny_folder: Path,
) -> None:
    said: list[AnswerLine] = []
    session = InferenceSession(RunStore())
    good = questions(tiny_folder)[0]
    asked = [good, replace(good, text="a dog"), replace(good, text=" ")]
    numbered = [request_line(number, one) for number, one in enumerate(asked, start=7)]
    asking = Questions(session, said.append)
    asking.put(RequestLine(cancel=8))
    for line in numbered:
        asking.put(line)
    asking.answer_next()
    assert asking.none_waits
    of = {number: [line for line in said if line.request == number] for number in (7, 8, 9)}
    assert [line.done for line in of[7]] == [False] * (len(of[7]) - 1) + [True]
    assert of[7][-2].message["token"]["text"] == answer(session, tiny_folder)  # type: ignore[index,call-overload]
    assert of[8] == [AnswerLine(request=8, done=True)]
    assert of[9][0].error.startswith("The prompt is empty")
    assert of[9][1:] == [AnswerLine(request=9, done=True)]


def test_when_the_model_cannot_be_loaded_all_are_told(home: Path) -> None:
    said: list[AnswerLine] = []
    asking = Questions(InferenceSession(RunStore()), said.append)
    gone = [request_line(n, Generate(model=str(home / "gone"), text=f"{n}")) for n in (1, 2)]
    for line in gone:
        asking.put(line)
    asking.answer_next()
    assert [line.request for line in said if line.done] == [1, 2]
    assert all(line.error for line in said if not line.done)
    assert {line.request for line in said if line.error} == {1, 2}
