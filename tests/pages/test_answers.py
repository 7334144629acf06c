"""A lesson's settings are answered at once: by the reader's own run, a recorded one, or the nearest of these."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import pages.shared.engine
import pages.shared.replay
from core.config import EvaluationConfig, RunConfig
from core.experiments.collapse import collapse
from core.experiments.first_screens import instruction_config
from core.experiments.methods import method_config
from core.experiments.mitigations import MITIGATIONS, PROMPTS, mitigation_config
from core.experiments.mixtures import CHECK_EVERY, TRAINED, mixture_config
from core.experiments.ranks import rank_config
from core.experiments.soft_prompts import prompt_config
from core.experiments.watching import watched_config
from core.recorded import answers, files
from core.recorded.answers import Asked
from core.runs.messages import LookAtMatrices, LookAtSpectrum, Merge, StepThrough
from core.train.phases import BatchPhase, LossPhase, PairPieces, TargetToken
from pages.shared.answers import NOTHING_YET
from tests.pages.fake_engine import ANSWERS, MERGED, FakeEngine
from tests.pages.shipped import STAMP, ship
from tests.pages.test_any_run import keep, store
from tests.pages.test_lessons import engine, opened, shown

pytestmark = pytest.mark.thorough
__all__ = ["engine", "store"]  # fixtures
RATE = "forgetting_rate_full"


OPENED: dict[str, tuple[str, RunConfig]] = {
    "forgetting": ("forgetting", collapse()),
    "cures": ("mitigations", mitigation_config("rehearse", MITIGATIONS["rehearse"].usual)),
    "multitask": ("mixtures", mixture_config(TRAINED, every=CHECK_EVERY)),
    "instruction": ("single_tasks", replace(instruction_config(), evaluation=EvaluationConfig())),
    "lora": ("ranks", rank_config(method_config("lora").method, rate=1e-3)),
    "peft": ("methods", method_config("lora")),
    "soft_prompts": ("soft_prompts", prompt_config(10)),
    "evaluation": ("single_tasks", watched_config("sentiment")),
}
"""Of each lesson that trains one run: its collection, and what it opens with."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the recorded runs of a test lie; none yet."""
    place = tmp_path / "recorded"
    place.mkdir()
    monkeypatch.setattr(files, "FOLDER", place)
    return place


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the time lines were given, the latest last."""
    found: list[dict[str, Any]] = []
    real = pages.shared.replay.component

    def watched(name: str) -> Any:
        drawn = real(name)

        def draw(*, key: str, data: dict[str, Any]) -> Any:
            if name == "replay":  # home has another
                found.append(data)
            return drawn(key=key, data=data)

        return draw

    monkeypatch.setattr(pages.shared.replay, "component", watched)
    return found


def said(app: AppTest) -> str:
    return "\n".join(one.value for one in (*app.markdown, *app.caption))


@pytest.mark.parametrize("lesson", OPENED)
def test_a_setting_that_is_not_recorded_leads_to_the_nearest_that_is(
    lesson: str, engine: FakeEngine, folder: Path, played: list[dict[str, Any]]
) -> None:
    collection, config = OPENED[lesson]
    ship(folder, [config], name=collection)
    app = opened(lesson, **{f"{lesson}_seed": "77"})
    assert not app.exception
    assert "Not recorded: seed 77." in said(app)
    assert "The nearest recorded run has seed 0." in said(app)
    assert not played
    app.button(key=f"{lesson}_nearest").click()
    shown(app)
    assert played[-1]["seconds"] > 0
    assert "Recorded on a machine (2026-11-28, float32, commit c)." in said(app)
    assert not engine.store.runs()


def test_the_replay_stops_before_it_tells_what_is_guessed(
    engine: FakeEngine, folder: Path, played: list[dict[str, Any]]
) -> None:
    del engine
    ship(folder, [collapse()])
    app = opened("forgetting")
    held = played[-1]
    told = next(frame["at"] for frame in held["frames"] if frame["step"])
    assert 0 < held["until"] < told
    assert held["from"] == 0
    assert "Your guess" not in guesses(app)
    app.radio(key="forgetting_park_guess").set_value("something else")
    shown(app)
    assert played[-1]["until"] == held["until"]  # a guess may be changed until it goes on
    assert not guesses(app)
    app.button(key="forgetting_show_me").click()
    shown(app)
    assert (played[-1]["from"], played[-1]["until"]) == (held["until"], held["seconds"])
    assert app.radio(key="forgetting_park_guess").disabled
    assert "Your guess: something else. It answered “SmolLM”. You were right." in guesses(app)
    app.button(key="forgetting_again").click()
    shown(app)
    assert not app.radio(key="forgetting_park_guess").disabled
    assert app.radio(key="forgetting_park_guess").value is None
    assert not guesses(app)


def guesses(app: AppTest) -> str:
    return " ".join(one.proto.body for one in app.get("html") if 'class="guess"' in one.proto.body)


def test_it_can_be_run_here_and_then_wins(
    engine: FakeEngine, folder: Path, played: list[dict[str, Any]]
) -> None:
    ship(folder, [collapse(), collapse(seed=1)])
    app = opened("forgetting", **{RATE: "0.0001"})
    assert "Not recorded: learning rate 0.0001." in said(app)
    app.button(key="forgetting_here").click()
    shown(app)
    (run,) = engine.store.runs()
    assert run.config == collapse(rate=1e-4)
    assert app.query_params["run"] == run.id

    own = keep(engine.store, collapse(), "finished")
    n = len(played)
    first = opened("forgetting")
    assert "Your finished run of exactly these settings is here." in said(first)
    assert "There is no difference." not in said(first)  # not before the guess
    first.button(key="forgetting_show_me").click()
    for app in (shown(first), opened("forgetting", run=own)):
        assert "There is no difference." in said(app)  # from the recorded one
        assert "Grey rings: the recorded run of the same settings." in said(app)
        assert len(played) == n
    assert "**Your finished run of exactly these settings**" in said(first)


def test_a_run_whose_settings_the_controls_no_longer_have_gives_way_at_a_click(
    engine: FakeEngine, folder: Path, played: list[dict[str, Any]]
) -> None:
    ship(folder, [collapse(seed=1)])
    app = opened("forgetting", run=keep(engine.store, collapse(), "finished"))
    assert "Your controls now say" not in said(app)
    app.number_input(key="forgetting_seed").set_value(1)
    shown(app)
    assert "Your controls now say seed 1. This run had seed 0." in said(app)
    assert not played
    app.button(key="forgetting_look_up").click()
    shown(app)
    assert "run" not in app.query_params
    assert played


def test_without_a_recording_a_lesson_says_so(engine: FakeEngine, folder: Path) -> None:
    del engine, folder
    assert NOTHING_YET in said(opened("forgetting"))


def test_a_damaged_recording_is_said_and_the_lesson_goes_on(
    engine: FakeEngine, folder: Path
) -> None:
    (run,) = ship(folder, [collapse()])
    run.path.write_bytes(b"no gzip")
    app = opened("forgetting")
    assert "cannot be read" in said(app)
    assert not app.exception
    assert app.button(key="forgetting_run_start")
    assert not engine.store.runs()


def test_the_first_step_of_the_loop_needs_no_model_where_it_is_recorded(
    engine: FakeEngine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages.shared.engine, "is_ready", lambda entry: False)
    config = OPENED["instruction"][1]
    phases = [
        BatchPhase(
            step=1,
            examples=[PairPieces(prompt=["a"], completion=["b"])],
            tokens_computed=9,
            tokens_padded=20,
            n_targets=1,
        ),
        LossPhase(
            step=1,
            loss=2.0,
            rows=[TargetToken(token="b", loss=2.0, probability=0.1, count=1)],
        ),
    ]
    asked: list[Asked] = [
        (StepThrough(config=config, phase=n, known=n), [phase]) for n, phase in enumerate(phases)
    ]
    answers.save(answers.base_path(folder), asked, identity="", stamp=STAMP)
    app = opened("instruction")
    app.button(key="instruction_step").click()
    shown(app)
    assert "Step 1, batch." in said(app)
    assert "Recorded on a machine (2026-11-28, float32, commit c)." in said(app)
    app.button(key="instruction_step").click()
    shown(app)
    assert "Step 1, loss." in said(app)
    assert "instruction_step" not in [
        button.key for button in app.button
    ]  # the third is not recorded
    assert not engine.asked


def test_what_a_recorded_lora_learned_is_looked_into_without_a_model(
    engine: FakeEngine, folder: Path
) -> None:
    config = OPENED["lora"][1]
    (run,) = ship(folder, [config], name="ranks")
    place: dict[str, Any] = {"run": run.run_id, "layer": 29, "module": "query"}
    requests = [
        LookAtSpectrum(**place),
        LookAtMatrices(**place),
        Merge(run=run.run_id, prompts=PROMPTS),
    ]
    asked: list[Asked] = [(request, [ANSWERS[type(request)]]) for request in requests]
    answers.save(answers.path_of(run.folder, run.run_id), asked, identity="", stamp=STAMP)
    app = opened("lora")
    assert not app.exception
    headers = [header.value for header in app.header]
    assert {"What was learned", "Merge it into the weights"} <= set(headers)
    assert MERGED.words in said(app)
    assert "0 of the 1 are yours" in said(app)  # the marks over ranks
    assert not engine.asked
    app = opened("lora", lora_seed="1")
    assert "What was learned" not in [header.value for header in app.header]
