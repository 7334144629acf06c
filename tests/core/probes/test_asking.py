"""Probes asked of a tiny real model before and after a run."""

import json
import shutil
from pathlib import Path

import pytest

from core import catalog
from core.cli.main import main
from core.config import DataConfig, EvaluationConfig, OptimizerConfig, RunConfig
from core.data import uploads
from core.errors import UserError
from core.probes.battery import battery
from core.runs.execute import execute
from core.runs.inference_session import InferenceSession
from core.runs.messages import AskProbes, Probed, Progress
from core.runs.store import RunStore
from core.runs.worker import BaseKeeper

PAIRS = [{"prompt": f"cat {n}", "completion": "yes" if n % 2 else "no"} for n in range(12)]
pytestmark = pytest.mark.usefixtures("home")


def tuned(folder: str) -> str:
    store = RunStore()
    config = RunConfig(
        model=folder,
        data=DataConfig(task=catalog.CUSTOM_TASK, dataset=uploads.keep(PAIRS)),
        optimizer=OptimizerConfig(steps=3, batch_size=4, learning_rate=0.05, warmup_steps=0),
        evaluation=EvaluationConfig(every=5, examples=2, final_examples=2),
        dtype="float32",
    )
    run = store.start(config, worker="test")
    execute(run, store, BaseKeeper())
    return run.id


@pytest.mark.thorough
def test_a_run_is_asked_once_and_its_changes_are_told(
    roomy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tuned(roomy)
    first = list(InferenceSession(RunStore()).probe(AskProbes(run=run)))
    n = len(battery().prompts)
    progress = [message for message in first if isinstance(message, Progress)]
    assert [(p.answered, p.of) for p in (progress[0], progress[-1])] == [(0, 2 * n), (2 * n, 2 * n)]
    assert isinstance(first[-1], Probed)
    assert len(first[-1].before) == len(first[-1].after) == n
    assert first[-1].before != first[-1].after
    again = list(InferenceSession(RunStore()).probe(AskProbes(run=run)))
    assert again == [Progress(answered=0, of=0), first[-1]]
    capsys.readouterr()
    assert main(["probe", "--run", run, "--json"]) == 0
    *skills, end = map(json.loads, capsys.readouterr().out.splitlines())
    assert [skill["type"] for skill in skills] == ["probe"] * 9
    assert end["margin"] == 0.2
    assert end["said"].endswith(".")


@pytest.mark.thorough
def test_a_model_with_too_little_room_is_refused_in_words(roomy: str, tmp_path: Path) -> None:
    narrow = tmp_path / "narrow"
    shutil.copytree(roomy, narrow)
    settings = json.loads((narrow / "config.json").read_text())
    (narrow / "config.json").write_text(json.dumps(settings | {"max_position_embeddings": 64}))
    run = tuned(str(narrow))
    with pytest.raises(UserError, match="at most"):
        list(InferenceSession(RunStore()).probe(AskProbes(run=run)))
