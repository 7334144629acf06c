"""The page Runs: it shows the command that core makes of a run."""

import shlex
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.cli.main import build_parser
from core.config import DataConfig, MethodConfig, OptimizerConfig, RunConfig
from core.config.command import command_of, config_of
from core.errors import UserError
from core.runs.store import RunStore, worker_identity
from pages.lab.runs import deletions
from tests.events import sample
from tests.patience import PATIENCE_S, wait_for

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import streamlit as st

    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    st.cache_resource.clear()
    return tmp_path


def opened(run_id: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S).run()
    app.query_params["run"] = run_id
    app.switch_page("pages/lab/runs/page.py").run()
    assert not app.exception
    return app


@pytest.mark.thorough
def test_the_shown_command_repeats_the_run(home: Path) -> None:
    config = RunConfig(
        data=DataConfig(task="names", train_examples=16, validation_share=0.3),
        method=MethodConfig(rank=4),
        optimizer=OptimizerConfig(
            warmup_steps=0, schedule="linear", weight_decay=0.1, clip_norm=0.5
        ),
        dtype="float32",
    )
    store = RunStore()
    run = store.submit(config)
    store.stop(run.id)
    shown = opened(run.id).code[0].value
    assert shown == command_of(config)
    assert config_of(build_parser().parse_args(shlex.split(shown)[3:])) == config


@pytest.mark.thorough
def test_a_run_whose_model_is_gone_says_so_in_place_of_the_command(home: Path) -> None:
    folder = home / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    store = RunStore()
    run = store.submit(RunConfig(model=str(folder)))
    store.stop(run.id)
    (folder / "config.json").unlink()
    captions = [caption.value for caption in opened(run.id).caption]
    assert any("no longer work" in caption for caption in captions)


def ended(store: RunStore, **settings: int) -> str:
    run = store.submit(RunConfig(**settings))
    store.stop(run.id)
    return run.id


def deleted(app: AppTest, run_id: str) -> AppTest:
    app.button(key=f"runs_delete_{run_id}").click().run()
    assert not app.exception
    return app


def shown_ids(*ids: str) -> list[str]:
    return [f"…{run_id[-6:]}" for run_id in ids]


def listed(app: AppTest) -> list[str]:
    return list(app.dataframe[0].value["id"])


@pytest.mark.thorough
def test_the_question_names_the_run_and_the_next_one_is_not_opened(home: Path) -> None:
    store = RunStore()
    older, newer = ended(store, seed=1), ended(store, seed=2)
    app = opened(newer)
    assert any("sentiment · LoRA 0.001, seed 2" in text.value for text in app.markdown)
    deleted(app, newer)
    assert listed(app) == shown_ids(older)
    assert not app.header
    assert "run" not in app.query_params


@pytest.mark.thorough
def test_a_deletion_can_be_undone(home: Path) -> None:
    store = RunStore()
    run_id = ended(store)
    other = ended(store, seed=1)
    app = deleted(opened(run_id), run_id)
    assert listed(app) == shown_ids(other)
    app.button(key="runs_undo").click().run()
    assert listed(app) == shown_ids(other, run_id)
    assert app.query_params["run"] == run_id
    assert store.get(run_id)


@pytest.mark.thorough
def test_a_deletion_is_carried_out_once_it_cannot_be_undone(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletions, "UNDO_S", 0.05)
    store = RunStore()
    run_id = ended(store)
    deleted(opened(run_id), run_id)
    wait_for(lambda: run_id not in [run.id for run in store.runs()])
    with pytest.raises(UserError):
        store.get(run_id)


@pytest.mark.thorough
def test_the_base_models_answers_are_not_the_last_ones_of_a_run(home: Path) -> None:
    store = RunStore()
    runs = [store.start(RunConfig(seed=seed), worker=worker_identity()).id for seed in (0, 1)]
    for run_id, steps in zip(runs, ((0,), (0, 10)), strict=True):
        for step in steps:
            store.append(run_id, sample(step, "sentiment", f"answer of step {step}"))
    shown = AppTest.from_function(compared, args=tuple(runs)).run()
    assert not shown.exception
    (answers,) = [d.value for d in shown.dataframe if "prompt" in d.value]
    assert list(answers.columns) == ["prompt", "right answer", "seed 1, step 10"]
    assert "seed 0: no answer since its training began." in [c.value for c in shown.caption]


def compared(one: str, two: str) -> None:
    from pages.lab.runs.compare import compare_runs
    from pages.shared.engine import store

    compare_runs([store().get(one), store().get(two)])
