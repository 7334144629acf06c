"""Ours, Trainer and SFTTrainer on a tiny real model: the same batches, rates and losses."""

from pathlib import Path
from typing import Any

import pytest
import torch

from core.bench import baselines, generate_baseline, trainers, tuning_fork
from core.bench.baselines import choices_for
from core.bench.trainers import Setting
from core.bench.workloads import WORKLOADS, product_dtype, run_config
from core.catalog import DEFAULT_MODEL
from core.config import MethodConfig
from core.errors import UserError
from core.models.load import LoadedModel
from core.train.plan import make_batches

pytest.importorskip("trl")
pytest.importorskip("datasets")
STEPS = 4


@pytest.fixture(autouse=True)
def one_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Float32 on all sides, also where bf16 is faster: roundings differ."""
    monkeypatch.setattr(tuning_fork, "resolve_dtype", lambda name: torch.float32)


def nothing() -> None:
    """Nobody waits for the first loss."""


def options(folder: Path, **more: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {"seed": 1, "steps": STEPS, "n_scored": 0, "on_first": nothing}
    return {**usual, "model": str(folder), **more}


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("workload", ["lora8", "full", "prompt"])
def test_all_sides_learn_alike(tiny_folder: Path, workload: str) -> None:
    found = tuning_fork.measure_training(WORKLOADS[workload], **options(tiny_folder))
    assert len(found.step_s) == len(found.losses) == STEPS
    assert found.needed_flops > 0
    assert found.tokens_computed < found.tokens_padded
    plain = Setting(dtype="float32")
    packed = Setting(dtype="float32", is_packed=workload != "prompt")
    for side, setting in (("trainer", plain), ("sft", plain), ("sft", packed)):
        other = baselines.measure_training(
            side, WORKLOADS[workload], setting=setting, **options(tiny_folder)
        )
        assert other.losses == pytest.approx(found.losses, rel=2e-3)
        assert len(other.step_s) == STEPS
        assert other.peak_memory_mb > 0
        assert (other.device, other.dtype) == (found.device, found.dtype)
        assert (found.device, found.dtype) == ("cpu", "float32")


@pytest.mark.parametrize(("device", "on_cpu"), [("cpu", True), ("cuda", False), ("mps", False)])
def test_trainers_compute_where_we_do(
    device: str, on_cpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNING_FORK_DEVICE", device)
    config = run_config(WORKLOADS["lora8"], model=DEFAULT_MODEL, seed=0, steps=1)
    given = trainers.shared_arguments(config, Setting(), "scratch")
    assert given["use_cpu"] == on_cpu


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_tuned_baseline_is_scored_like_ours(tiny_folder: Path) -> None:
    more = options(tiny_folder, n_scored=6)
    mine = tuning_fork.measure_training(WORKLOADS["lora8"], **more)
    other = baselines.measure_training(
        "trainer", WORKLOADS["lora8"], setting=Setting(dtype="float32"), **more
    )
    assert (mine.n_scored, other.n_scored) == (6, 6)
    assert mine.score == other.score


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_trial_takes_the_fastest_it_tried(tiny_folder: Path) -> None:
    found = baselines.choose_setting(
        "sft", WORKLOADS["lora8"], model=str(tiny_folder), dtype="bfloat16"
    )
    assert len(found.tried) == 5
    same = {name: s for name, s in found.tried.items() if product_dtype(name) == "bfloat16"}
    assert len(same) == 4  # the other precision is tried, but not taken: all sides have the same
    assert found.setting == min(same, key=same.__getitem__)


def test_what_is_tried_fits_the_method_and_the_precision() -> None:
    full = list(choices_for("sft", MethodConfig(name="full"), dtype="bfloat16"))
    assert full[0] == [{"dtype": "autocast"}]  # bf16 weights lose small updates
    assert len(full) == 3
    prompt = list(choices_for("sft", MethodConfig(name="prompt"), dtype="bfloat16"))
    assert prompt[0] == [{"dtype": "autocast"}, {"dtype": "bfloat16"}]
    assert len(prompt) == 2
    plain = list(choices_for("trainer", MethodConfig(), dtype="float32"))
    assert plain[0] == [{"dtype": "float32"}]
    assert len(plain) == 2
    assert Setting.of(str(Setting(dtype="autocast", is_packed=True))).is_packed


@pytest.mark.thorough
def test_both_sides_answer_alike(tiny_folder: Path) -> None:
    more: dict[str, Any] = {"model": str(tiny_folder), "steps": 1, "on_first": nothing}
    mine = tuning_fork.measure_answering(WORKLOADS["answer"], **more)
    other = generate_baseline.measure_answering(
        WORKLOADS["answer"], setting="float32 sdpa 16", **more
    )
    assert len(mine.answers) == len(other.answers) == 64
    assert mine.answers == other.answers
    assert (mine.device, mine.dtype) == (other.device, other.dtype)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(trainers.PACKAGES, "sft", ("no_such_package",))
    with pytest.raises(UserError, match=r"no_such_package.*requirements-dev"):
        trainers.check_installed("sft")


def test_batches_are_those_that_training_takes(tiny: LoadedModel, tiny_folder: Path) -> None:
    config = run_config(WORKLOADS["lora8"], model=str(tiny_folder), seed=0, steps=3)
    found = make_batches(config, tiny.tokenizer)
    assert [len(batch) for batch in found] == [8, 8, 8]
    assert found == make_batches(config, tiny.tokenizer)
