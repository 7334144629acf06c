"""The page Runs: it shows the command that core makes of a run."""

import shlex
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.cli.main import build_parser
from core.config import DataConfig, MethodConfig, OptimizerConfig, RunConfig
from core.config.command import command_of, config_of
from core.runs.store import RunStore

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import streamlit as st

    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    st.cache_resource.clear()
    return tmp_path


def opened(run_id: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30).run()
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
