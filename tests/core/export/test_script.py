"""The exported training script: it learns what the run did, without our code."""

import ast
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core import catalog
from core.cli.main import main
from core.config import (
    METHODS,
    DataConfig,
    EvaluationConfig,
    MethodConfig,
    MitigationConfig,
    OptimizerConfig,
    RunConfig,
)
from core.data import uploads
from core.data.example import Example
from core.errors import UserError
from core.events import Step
from core.export import repeat, script
from core.export.export import export
from core.export.script import TEMPLATES
from core.runs.execute import execute
from core.runs.store import Run, RunStore
from core.runs.worker import BaseKeeper
from tests.core.export.test_export import PAIRS, finished


def run_in_float32(method: str, folder: Path, *, rate: float = 0.02) -> Run:
    config = RunConfig(
        model=str(folder),
        data=DataConfig(task=catalog.CUSTOM_TASK, dataset=uploads.keep(PAIRS)),
        method=MethodConfig(name=method, rank=2, layers=1, virtual_tokens=3, bottleneck=4),
        optimizer=OptimizerConfig(
            steps=4, batch_size=4, learning_rate=rate, warmup_steps=2, schedule="cosine"
        ),
        evaluation=EvaluationConfig(every=5, examples=2, final_examples=2),
        dtype="float32",
        seed=3,
    )
    store = RunStore()
    run = store.start(config, worker="test")
    execute(run, store, BaseKeeper())
    return store.get(run.id)


def losses(run: Run) -> list[float]:
    return [e.loss + e.penalty for e in RunStore().events(run.id) if isinstance(e, Step)]


@pytest.mark.thorough
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
@pytest.mark.usefixtures("home")
def test_its_losses_are_those_of_the_run(
    method: str,
    tiny_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = run_in_float32(method, tiny_folder)
    to = export(RunStore(), run.id, tmp_path / "script", "script", is_checked=False).folder
    monkeypatch.setenv("BASE_MODEL", str(tiny_folder))
    capsys.readouterr()
    runpy.run_path(str(to / "train.py"), run_name="__main__")
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    found = [float(line) for line in (to / "losses.jsonl").read_text().splitlines()]
    assert found == pytest.approx(losses(run), rel=2e-3)
    assert (said["steps"], said["loss"]) == (4, found[-1])
    assert losses(run)[-1] < losses(run)[0]
    assert list((to / "trained").glob("*.safetensors"))
    assert len((to / "answers.jsonl").read_text().splitlines()) == 2


@pytest.mark.thorough
@pytest.mark.parametrize("format", ["script", "notebook"])
@pytest.mark.usefixtures("home")
def test_the_command_carries_it_out_in_a_fresh_process(
    format: str, tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_in_float32("lora", tiny_folder)
    to = tmp_path / "program"
    command = ["export", "--run", run.id, "--to", str(to), "--format", format, "--check", "--json"]
    capsys.readouterr()
    assert main(command) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[0])
    assert found["type"] == "repeated"
    assert [theirs for _, theirs in found["losses"]] == pytest.approx(losses(run), rel=2e-3)
    assert found["script_score"] == found["run_score"]
    assert json.loads((to / "parity.json").read_text())["said"] == found["said"]
    assert not (to / "trained").exists()  # it was carried out in a copy
    written = "".join(
        p.read_text() for p in to.rglob("*") if p.suffix in (".py", ".ipynb", ".json")
    )
    assert str(tiny_folder) not in written
    assert "from core" not in written


@pytest.mark.proof
@pytest.mark.thorough
@pytest.mark.usefixtures("home")
def test_several_processes_share_each_batch(tiny_folder: Path, tmp_path: Path) -> None:
    """What `accelerate launch` starts on several GPUs, here on the CPU: the losses are still those of the run."""
    run = run_in_float32("lora", tiny_folder)
    to = export(RunStore(), run.id, tmp_path / "script", "script", is_checked=False).folder

    def launched(n: int) -> subprocess.CompletedProcess[str]:
        command = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={n}"]
        return subprocess.run(
            [sys.executable, *command, str(to / "train.py")],
            env=os.environ | {"BASE_MODEL": str(tiny_folder)},
            capture_output=True,
            text=True,
            check=False,
        )

    done = launched(2)
    assert done.returncode == 0, done.stderr
    found = [float(line) for line in (to / "losses.jsonl").read_text().splitlines()]
    assert found == pytest.approx(losses(run), rel=2e-3)
    said = [line for line in done.stdout.splitlines() if line.startswith('{"steps": 4')]
    assert len(said) == 1  # one process says and writes it
    refused = launched(3)
    assert refused.returncode
    assert "3 processes cannot share batches of 4 evenly." in refused.stderr


@pytest.mark.thorough
@pytest.mark.usefixtures("home")
def test_several_tasks_one_after_another_are_repeated_in_order(roomy: str, tmp_path: Path) -> None:
    config = RunConfig(
        model=roomy,
        data=DataConfig(task="sentiment", others=("names",), order="sequential", train_examples=20),
        optimizer=OptimizerConfig(steps=3, batch_size=2),
        evaluation=EvaluationConfig(every=10, examples=1, final_examples=1, samples=0),
    )
    store = RunStore()
    run = store.start(config, worker="test")
    execute(run, store, BaseKeeper())
    to = export(store, run.id, tmp_path / "script", "script", is_checked=False).folder
    order = json.loads((to / "data" / "order.json").read_text())
    assert [[len(step) for step in stage] for stage in order] == [[2, 2, 2], [2, 2, 2]]
    rows = [json.loads(line) for line in (to / "data" / "train.jsonl").read_text().splitlines()]
    first, second = ({rows[i]["prompt"] for step in stage for i in step} for stage in order)
    assert all(prompt.startswith("Is this review") for prompt in first)
    assert not any(prompt.startswith("Is this review") for prompt in second)


HOSTILE = 'it\'s "a" `model` ' + '"""' + " ![x](y) <i> # €"


def exported(run: Run, to: Path, format: str, file: str) -> str:
    folder = export(RunStore(), run.id, to, format, is_checked=False).folder
    return (folder / file).read_text("utf-8")


@pytest.mark.thorough
@pytest.mark.usefixtures("home")
def test_the_folder_of_a_model_may_have_any_name(tiny_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_folder, tmp_path / HOSTILE)
    run = finished("lora", tmp_path / HOSTILE)
    whole = ast.parse(exported(run, tmp_path / "a", "script", "train.py"))
    assert HOSTILE in (ast.get_docstring(whole) or "")
    texts = [n.value for n in ast.walk(whole) if isinstance(n, ast.Constant)]
    assert HOSTILE in texts
    card = exported(run, tmp_path / "b", "card", "README.md")
    _, front, text = card.split("---\n", 2)
    assert json.dumps(HOSTILE) in front
    (code,) = re.findall(r"```python\n(.*?)```\n", text, re.DOTALL)
    assert HOSTILE in [n.value for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Constant)]
    assert "![x](y)" not in text.replace(code, "").partition("\n```bash\n")[0]


def test_a_text_may_hold_what_python_takes_for_an_end_of_a_line(tmp_path: Path) -> None:
    said = {"prompt": "a\u2028b", "completion": "\x85"}
    (tmp_path / "data").mkdir()
    script._write_pairs(tmp_path / "data/a.jsonl", [Example(**said)])  # pyright: ignore[reportPrivateUsage]
    assert repeat._lines(tmp_path / "data/a.jsonl") == [said]  # pyright: ignore[reportPrivateUsage]
    source = ast.parse((TEMPLATES / "train.py").read_text("utf-8"))
    (function,) = (n for n in source.body if isinstance(n, ast.FunctionDef) and n.name == "read")
    names: dict[str, Any] = {"HERE": tmp_path, "json": json}
    exec(compile(ast.Module([function], []), "train.py", "exec"), names)
    assert names["read"]("a.jsonl") == [said]


@pytest.mark.thorough
@pytest.mark.usefixtures("home")
def test_a_penalty_that_plain_transformers_lacks_is_said(tiny_folder: Path, tmp_path: Path) -> None:
    store = RunStore()
    config = RunConfig(
        model=str(tiny_folder),
        data=DataConfig(task=catalog.CUSTOM_TASK, dataset=uploads.keep(PAIRS)),
        cure=MitigationConfig(regularizer="l2sp", strength=1.0),
        optimizer=OptimizerConfig(steps=1),
    )
    run = store.start(config, worker="test")
    with pytest.raises(
        UserError, match="has the penalty l2sp, which plain transformers does not know"
    ):
        export(store, run.id, tmp_path / "script", "script")
    assert not (tmp_path / "script").exists()


@pytest.mark.thorough
@pytest.mark.usefixtures("home")
def test_a_notebook_is_the_script_in_cells(tiny_folder: Path, tmp_path: Path) -> None:
    run, store = finished("lora", tiny_folder), RunStore()
    script = export(store, run.id, tmp_path / "a", "script", is_checked=False).folder / "train.py"
    book = (
        export(store, run.id, tmp_path / "b", "notebook", is_checked=False).folder / "train.ipynb"
    )
    found = json.loads(book.read_text())
    assert (found["nbformat"], len({cell["id"] for cell in found["cells"]})) == (
        4,
        len(found["cells"]),
    )
    code = "\n".join("".join(c["source"]) for c in found["cells"] if c["cell_type"] == "code")
    wanted = [line for line in script.read_text().splitlines() if line in code.splitlines()]
    assert len(wanted) > 0.8 * len(script.read_text().splitlines())
