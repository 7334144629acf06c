"""`inspect`, `memory` and several adapters at once, on a tiny real model."""

from pathlib import Path

import pytest

from core.cli.main import main
from core.formulas.parameters import trainable_parameters
from core.models import probe
from core.shape import PUBLISHED, total_parameters
from tests.core.cli.test_main import lines, refused

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture(autouse=True)
def float32_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where bf16 is faster: there a merged weight is rounded to bf16, and differs."""
    monkeypatch.setattr(probe, "probe", lambda: probe.Probe("cpu", "float32", {}))


@pytest.fixture
def run(home: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]):
    """Trains the tiny model with a method for three steps; returns the run's id."""
    file = home / "pairs.jsonl"
    file.write_text(
        "\n".join(f'{{"prompt": "cat {i}", "completion": "positive"}}' for i in range(20)), "utf-8"
    )

    def trained(method: str, *more: str) -> str:
        command = [
            *("train", "--model", str(tiny_folder), "--data", str(file), "--steps", "3", "--json"),
            *("--batch-size", "4", "--samples", "0", "--dtype", "float32", "--lr", "0.05"),
        ]
        assert main([*command, "--method", method, *more]) == 0
        return lines(capsys)[0]["run_id"]

    return trained


@pytest.mark.thorough
def test_spectrum_and_matrices_have_the_run_s_rank(run, capsys: pytest.CaptureFixture[str]) -> None:
    lora = run("lora", "--rank", "3")
    where = ["--run", lora, "--layer", "1", "--module", "v_proj", "--json"]
    assert main(["inspect", "spectrum", *where]) == 0
    (found,) = lines(capsys)
    values = found["singular_values"]
    assert sum(v > 1e-5 * values[0] for v in values) == 3
    assert 1 <= found["effective_rank"] <= 3
    assert main(["inspect", "matrices", *where]) == 0
    (found,) = lines(capsys)
    assert (found["rank"], found["shape"]) == (3, [16, 32])
    assert "no LoRA pair at k_proj" in refused(
        ["inspect", "matrices", "--run", lora, "--module", "k_proj"], capsys
    )


@pytest.mark.thorough
def test_merging_and_taking_away_leave_the_base(run, capsys: pytest.CaptureFixture[str]) -> None:
    found_run = run("lora")
    assert main(["inspect", "merge", "--run", found_run, "--prompt", "cat 1", "--json"]) == 0
    (found,) = lines(capsys)
    assert 0 < found["largest_unmerged_difference"] < 1e-3
    assert 0 < found["largest_merged_difference"] < 1e-3
    assert [row["dtype"] for row in found["rows"]] == ["float32", "bfloat16"]
    assert main(["inspect", "merge", "--run", found_run, "--prompt", "cat 1"]) == 0
    said = capsys.readouterr().out
    assert "then subtracted from the same weights" in said
    assert "\n  dtype bfloat16, merge_s" in said
    soft = run("prompt", "--virtual-tokens", "3")
    assert main(["inspect", "take-away", "--run", soft, "--prompt", "cat 1", "--json"]) == 0
    (found,) = lines(capsys)
    assert found["equal"] is True
    assert "wants a run" in refused(["inspect", "merge"], capsys)
    assert main(["inspect", "take-away", "--run", soft, "--prompt", "cat 1"]) == 0
    assert "equal: True" in capsys.readouterr().out


@pytest.mark.thorough
def test_adapters_hang_side_by_side(run, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = run("lora"), run("lora", "--seed", "1")
    ask = ["generate", "--prompt", "cat 1", "--max-new-tokens", "4"]
    both = [*ask, "--adapter", one, "--adapter", two]
    answers = []
    for command in (
        [*ask, "--adapter", one],
        [*both, "--adapter-weights", "1,0"],
        [*both, "--adapter-weights", "0,0"],
        [*ask, "--adapter", one, "--scale", "0"],
    ):
        assert main([*command, "--json"]) == 0
        printed = lines(capsys)
        answers.append(printed[-1]["text"])
        if "--adapter-weights" in command:
            assert printed[0]["type"] == "switched"
            assert printed[0]["loaded"] == 2
    assert answers[0] == answers[1] != answers[2] == answers[3]
    assert "2 adapters want 2 weights" in refused([*both, "--adapter-weights", "1"], capsys)
    assert "one adapter only" in refused([*both, "--scale", "2"], capsys)
    assert "can be scaled" in refused([*ask, "--adapter", run("ia3"), "--scale", "2"], capsys)


def test_memory_counts_a_model_that_is_not_here(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["memory", "--shape", "Llama-2-7B", "--method", "full", "--precision", "bfloat16"]
    assert main([*command, "--json"]) == 0
    *parts, found = lines(capsys)
    n = total_parameters(PUBLISHED["Llama-2-7B"])
    assert found["trainable_params"] == n
    by_name = {part["name"]: part["bytes"] for part in parts}
    assert by_name["optimizer"] == 8 * n
    assert found["total_gb"] == pytest.approx(sum(by_name.values()) / 1e9)
    assert main([*command, "--no-master"]) == 0
    assert "6,738,415,616 trained, 100 % of all" in capsys.readouterr().out
    assert "no-such" in refused(["memory", "--shape", "no-such"], capsys)


def test_memory_of_lora_is_that_of_its_formula(
    tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["memory", "--shape", str(tiny_folder), "--rank", "2", "--json"]) == 0
    found = lines(capsys)[-1]
    assert found["trainable_params"] == 2 * 2 * ((32 + 32) + (32 + 16))
    assert main(["memory", "--rank", "4", "--targets", "q_proj", "--json"]) == 0
    from core.config import MethodConfig

    method = MethodConfig(rank=4, target_modules=("q_proj",))
    wanted = trainable_parameters(method, PUBLISHED["SmolLM2-135M"])
    assert lines(capsys)[-1]["trainable_params"] == wanted
