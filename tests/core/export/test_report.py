"""The run as one page: it stands by itself, says what was measured, and takes what it shows as text."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from core.config.command import command_of
from core.config.run import RunConfig
from core.events import Evaluation, Event, Sample, Step, Validation
from core.export.curves import Series, chart, ticks
from core.export.export import export
from core.export.report import LONGEST_TEXT, MOST_BYTES, report
from core.runs.store import Run, RunStore, worker_identity
from tests.events import step

HOSTILE = '<script>alert(1)</script> & "quotes" https://example.com'


def evaluation(at: int, score: float) -> Evaluation:
    return Evaluation(
        step=at, task="sentiment", n=48, score=score, metric="exact_match", interval=(score - 0.1, min(1, score + 0.1)),
        n_cut=1, max_new_tokens=8,
    )  # fmt: skip


def events(n_samples: int = 1) -> list[Event]:
    samples: list[Event] = [
        Sample(step=at, task="sentiment", prompt=f"{HOSTILE} {i}", reference="positive", output=f"answer {at}")
        for at in (0, 20)
        for i in range(n_samples)
    ]  # fmt: skip
    return [
        evaluation(0, 0.5),
        Validation(step=0, loss=2.0, n=16),
        *(replace(step(n), loss=2.0 / n) for n in range(1, 21)),
        Validation(step=20, loss=0.5, n=16),
        evaluation(20, 0.9),
        *samples,
    ]


@pytest.fixture
def run(home: Path) -> Run:
    return RunStore().start(RunConfig(), worker=worker_identity())


class Page(HTMLParser):
    """Counts elements and keeps every address that a browser would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [str(v) for k, v in attrs if k in ("src", "href", "srcset", "data")]


def test_it_says_what_was_measured_and_fetches_nothing(run: Run) -> None:
    text = report(run, events())
    page = Page(text)
    assert page.fetched == []
    assert "script" not in page.tags
    assert "url(" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert page.tags.count("svg") == 2
    assert "0.50 [0.40, 0.60]" in text
    assert "0.90 [0.80, 1.00]" in text
    assert "1 of 48 answers was cut at 8 tokens" in text
    assert (
        "Loss of a batch: 2.00 at step 1, 0.10 at step 20; on validation pairs 2.00 before" in text
    )
    assert "<td>answer 0</td><td>answer 20</td>" in text
    assert command_of(run.config) in text
    assert re.findall(r"<td>optimizer\.steps</td><td>20</td>", text)


def test_a_run_that_measured_nothing_has_a_page_too(run: Run) -> None:
    text = report(run, [])
    assert "None were recorded." in text
    assert "<svg" not in text


@pytest.mark.thorough
def test_it_stays_below_a_megabyte(run: Run) -> None:
    long: list[Event] = [
        Sample(step=0, task="", prompt=f"{n} " + "word " * 5_000, reference="", output="word " * 5_000)
        for n in range(2_000)
    ]  # fmt: skip
    many: list[Event] = [replace(step(n), loss=1.0) for n in range(1, 10_001)]
    text = report(run, [*many, *long])
    assert len(text.encode()) <= MOST_BYTES
    assert "more are left out here" in text
    assert "word" in text
    assert len(max(re.findall(r"<td>(.*?)</td>", text), key=len)) <= LONGEST_TEXT


def test_it_is_written_whole_by_the_command(run: Run, tmp_path: Path) -> None:
    RunStore().append(run.id, next(e for e in events() if isinstance(e, Step)))
    to = export(RunStore(), run.id, tmp_path / "report", "report").folder
    assert [p.name for p in to.iterdir()] == ["report.html"]
    card = export(RunStore(), run.id, tmp_path / "card", "card").folder
    assert [p.name for p in card.iterdir()] == ["README.md"]


def test_a_chart_is_sound_and_keeps_inside_its_frame() -> None:
    for points in (
        [(0.0, 1.0)],
        [(0.0, 0.0), (1.0, 0.0)],
        [(1.0, 1e-5), (9.0, 3e4)],
        [(0.0, -2.0), (5.0, 2.0)],
    ):
        svg = chart([Series(name="a & b", points=points)], title="t", x="x", y="y", alt="<alt>")
        ElementTree.fromstring(svg.replace("■", ""))
        for pair in re.findall(r"[\d.-]+,[\d.-]+", svg.partition('points="')[2].partition('"')[0]):
            x, y = map(float, pair.split(","))
            assert 0 <= x <= 640, points
            assert 0 <= y <= 260, points
    assert chart([Series(name="a", points=[])], title="t", x="x", y="y", alt="") == ""


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [(0, 1, [0, 0.5, 1]), (0, 20, [0, 5, 10, 15, 20]), (3, 3, [3]), (-1, 1, [-1, -0.5, 0, 0.5, 1])],
)
def test_ticks_are_round(low: float, high: float, found: list[float]) -> None:
    got = ticks(low, high)
    assert set(found) <= set(got), got
    assert len(got) <= 8
