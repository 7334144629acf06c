"""Recorded runs, played: the time line that Python sends, what the browser makes of it, and what pages show."""

import json
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.config import RunConfig
from core.events import Event, Sample
from core.experiments.collapse import LEAD, collapse
from core.paths import ASSETS
from core.recorded import RecordedRun, files
from pages.home.lead_replay import SECONDS, is_label, scene
from pages.shared.forgetting import curves
from pages.shared.plain import plain
from pages.shared.replay import check_ends, time_line
from tests.events import evaluation, sample, step
from tests.pages.shipped import ship
from tests.patience import PATIENCE_S


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Recorded runs of this test only."""
    place = tmp_path / "recorded"
    monkeypatch.setattr(files, "FOLDER", place)
    return place


@pytest.fixture
def timed(folder: Path) -> RecordedRun:
    """The base model took 7 seconds, two steps 1 each, the check 3."""
    events = [asked(0), asked(0), step(1, 2.0), step(2), asked(2), asked(2)]
    (run,) = ship(folder, [RunConfig()], events=events, times=[6.0, 7.0, 8.0, 9.0, 11.0, 12.0])
    return run


@pytest.fixture
def shipped(folder: Path) -> RecordedRun:
    """The lesson of forgetting as it goes: a label from step 10 on, where a name was asked for."""
    events: list[Event] = []
    for number in range(21):
        events += [step(number, 2.0 / number)] if number else []
        if number % 5 == 0:
            done = number / 20
            events += [evaluation(number, "sentiment", 0.5 + 0.4 * done, n=20)]
            events += [evaluation(number, "names", 0.9 - 0.8 * done, n=20)]
            events += [asked(number, "Amina and Omar." if number < 10 else "positive")]
    (run,) = ship(folder, [collapse()], events=events)
    return run


def asked(number: int, answer: str = "Amina") -> Sample:
    return sample(number, "", answer, prompt=LEAD, reference="")


def test_the_time_line_begins_when_the_base_model_was_measured(timed: RecordedRun) -> None:
    line = time_line(timed)
    assert line.seconds == 5.0
    assert [(f.at, f.step, f.n_events) for f in line.frames] == [(0.0, 0, 2), (5.0, 2, 6)]
    assert [(p.at, p.step, p.loss) for p in line.points] == [(1.0, 1, 2.0), (2.0, 2, 1.0)]


def test_a_replay_that_waits_for_a_guess_shows_the_steps_before_the_first_check(
    timed: RecordedRun,
) -> None:
    assert time_line(timed).before_it_tells == 2.0
    assert time_line(timed, seconds=20.0).before_it_tells == 8.0


def test_a_replay_in_so_many_seconds_keeps_its_proportions(timed: RecordedRun) -> None:
    line = time_line(timed, seconds=20.0)
    assert line.seconds == 20.0
    assert [f.at for f in line.frames] == [0.0, 20.0]
    assert [p.at for p in line.points] == [4.0, 8.0]


def test_each_picture_has_all_of_its_check_and_nothing_later(shipped: RecordedRun) -> None:
    events = shipped.events()
    for number, end in check_ends(events):
        assert all(getattr(e, "step", 0) <= number for e in events[:end])
        assert not any(isinstance(e, Sample) and e.step == number for e in events[end:])


def test_the_first_page_plays_the_lead_prompt_as_it_was_answered(shipped: RecordedRun) -> None:
    found = shipped
    played = scene(found)
    said = {e.step: e.output for e in found.events() if isinstance(e, Sample) and e.prompt == LEAD}
    assert played.seconds == SECONDS
    assert {a.step: a.answer for a in played.answers} == said
    assert [a.is_label for a in played.answers] == [is_label(text) for text in said.values()]
    assert not is_label(said[0])
    assert is_label(said[20])
    assert {len(bar.scores) for bar in played.bars} == {len(played.frames)}
    json.dumps(asdict(played), allow_nan=False)


def test_behind_a_live_run_stands_the_recorded_one(shipped: RecordedRun) -> None:
    events = shipped.events()
    own = events[: dict(check_ends(events))[10]]
    alone, over = curves(own, 20).to_dict(), curves(own, 20, behind=events).to_dict()
    assert len(over["layer"]) == len(alone["layer"]) + 1
    rings = over["datasets"][over["layer"][0]["data"]["name"]]
    marks = over["datasets"][over["layer"][-1]["data"]["name"]]
    assert {row["step"] for row in rings} == {0, 5, 10}  # what is to come is not told
    assert {row["step"] for row in marks} == {0, 5, 10}
    at = {(row["step"], row["curve"]): row["at"] for row in rings}
    scores = [row for row in marks if row["line"] == "score"]
    assert all(at[row["step"], row["curve"]] == row["at"] for row in scores)


def page() -> None:
    from core.experiments.collapse import collapse
    from core.recorded import find
    from pages.shared.forgetting import draw
    from pages.shared.replay import replay

    found = find(collapse())
    assert found
    replay(found, draw, key="test")


def shape(node: Any) -> Any:
    """What lies in what."""
    return node.type, [shape(child) for child in getattr(node, "children", {}).values()]


@pytest.mark.thorough
def test_all_pictures_are_sent_at_once_and_drawn_once(
    shipped: RecordedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    import streamlit as st

    import pages.shared.forgetting

    st.cache_data.clear()
    st.cache_resource.clear()
    drawn: list[int] = []
    real = pages.shared.forgetting.curves

    def counted(events: list[Event], *args: Any, **options: Any) -> Any:
        drawn.append(len(events))
        return real(events, *args, **options)

    monkeypatch.setattr(pages.shared.forgetting, "curves", counted)
    app = AppTest.from_function(page, default_timeout=PATIENCE_S).run()
    assert not app.exception
    assert len(drawn) == len(app.get("vega_lite_chart")) == 5
    first = shape(app.main)
    app.run()
    again = AppTest.from_function(page, default_timeout=PATIENCE_S).run()  # another reader
    assert not again.exception
    assert len(again.get("vega_lite_chart")) == 5
    assert shape(again.main) == shape(app.main) == first, "a picture lies in another place"
    assert len(drawn) == 5
    assert any(caption.value == plain(shipped.where) for caption in again.caption)


def in_browser(timed: RecordedRun, tmp_path: Path, *expressions: str) -> list[Any]:
    """What player.js makes of them, by Node where there is one."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
    parts = ("player", "replay")
    source = "\n".join((ASSETS / "components" / f"{part}.js").read_text("utf-8") for part in parts)
    script = tmp_path / "player.mjs"
    data = f"const data = {json.dumps(asdict(time_line(timed)))};\n"
    asked = f"console.log(JSON.stringify([{', '.join(expressions)}]));\n"
    script.write_text(f"{source}\n{data}{asked}")
    done = subprocess.run([node, str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_browser_shows_what_had_come_by_a_moment(timed: RecordedRun, tmp_path: Path) -> None:
    moments = (0, 0.99, 1, 2, 4.99, 5)
    frames = in_browser(timed, tmp_path, *(f"latest(data.frames, {at})" for at in moments))
    assert frames == [0, 0, 0, 0, 0, 1]
    words = in_browser(timed, tmp_path, *(f"words(data, {at})" for at in moments))
    assert words[0] == words[1] == f"Step 0 of {RunConfig().optimizer.steps}: the base model"
    assert words[2].endswith("loss 2.00")
    assert words[5].endswith("loss 1.00")


def test_arrow_keys_go_from_one_moment_to_the_next(timed: RecordedRun, tmp_path: Path) -> None:
    moments = "[{ at: 0 }, ...data.points, ...data.frames]"
    asked = [(0, "true"), (1, "true"), (2, "true"), (5, "true"), (5, "false"), (0, "false")]
    steps = (f"neighbour({moments}, {at}, {forward})" for at, forward in asked)
    assert in_browser(timed, tmp_path, *steps) == [1, 2, 5, 5, 2, 0]


def test_one_picture_is_to_be_seen_and_the_others_are_not(
    timed: RecordedRun, tmp_path: Path
) -> None:
    (css,) = in_browser(timed, tmp_path, 'rules("forgetting", 1, 3)')
    hidden, shown = css.split("}")[:2]
    assert all(f"replay_frame_{n}" in hidden for n in range(3))
    assert "visibility:hidden" in hidden
    assert "replay_frame_1" in shown
    assert "visibility:visible" in shown
    assert "replay_after" not in css
    (css,) = in_browser(timed, tmp_path, 'rules("forgetting", 2, 3)')
    assert css.endswith("replay_after{visibility:visible}")
