"""The parity check: a fresh process answers, differences are found, and near ties are told apart."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.cli.main import main
from core.errors import UserError
from core.export import parity as module
from core.export.export import check_answers, export
from core.export.parity import Compared, Parity, table
from core.runs.store import RunStore
from tests.core.export.test_export import finished


def row(**more: object) -> Compared:
    values = {"prompt": "Hi", "max_new_tokens": 4, "app": "yes", "exported": "yes", **more}
    return Compared(**values)  # pyright: ignore[reportArgumentType]


def parity(*rows: Compared, dtype: str = "bfloat16", format: str = "merged") -> Parity:
    return Parity(format=format, run="r", dtype=dtype, end_ids=[1], rows=list(rows))


def test_a_difference_is_a_near_tie_only_where_rounding_decides() -> None:
    equal, near = row(), row(exported="no", parts_at=0, app_gap=0.3, exported_gap=0.1)
    far = row(exported="no", parts_at=0, app_gap=3.0, exported_gap=0.1)
    other = row(exported="no", same_tokens=False)
    found = parity(equal, near, far, other)
    assert (found.n_equal, found.near_ties) == (1, [near])
    assert found.in_words == (
        "1 of 4 answers are those of the app. 1 answer differs at a near tie (at most 0.5 logits apart). "
        "2 answers differ by more than that."
    )
    assert parity(near, dtype="float32").near_ties == []
    assert parity(far).in_words.endswith("1 answer differs by more than rounding explains.")
    said = table([equal, near, other])
    assert "at token 1: the app's own choice was ahead by 0.300 logits" in said
    assert "other tokens to the exported tokenizer" in said


def test_what_the_rounding_of_an_adapter_explains_is_told_apart() -> None:
    far = {"exported": "no", "parts_at": 0, "app_gap": 3.0, "exported_gap": 0.1}
    rounded, other = row(**far, rounded_gap=0.0), row(**far, rounded_gap=2.0)
    found = parity(row(), rounded, other, format="peft")
    assert (found.by_rounding, found.unexplained) == ([rounded], [other])
    assert found.in_words == (
        "1 of 3 answers are those of the app. 1 answer differs because the app rounds the adapter to bf16 and peft "
        "does not: with it rounded, peft answers as the app does, or parts from it at a near tie. 1 answer differs by "
        "more than rounding explains."
    )
    assert found.to_dict()["n_by_rounding"] == 1


def test_plain_peft_is_asked_again_with_a_rounded_adapter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only where something is to be explained; what is equal is left alone."""

    class App:
        def prompt_ids(self, prompt: str) -> list[int]:
            return [7]

        def gap(self, prompt: str, ids: list[int]) -> tuple[int, float]:
            return (0, 3.0) if ids == [5] else (1, 0.0)

    def afresh(folder: Path, base: Path, *, is_rounded: bool = False) -> list[module.Answered]:
        second = ("yes", [4]) if is_rounded else ("no", [5])
        asked.append(is_rounded)
        said = (("yes", [4]), second)
        return [module.Answered(text=t, ids=i, prompt_ids=[7], gaps=[0.1]) for t, i in said]

    asked: list[bool] = []
    monkeypatch.setattr(module, "answered_afresh", afresh)
    before = parity(row(exported=""), row(exported=""), format="peft")
    found = module.check(before, tmp_path, App(), base=tmp_path, asked=[None, None])  # type: ignore[list-item]
    assert asked == [False, True]
    assert found.by_rounding == [found.rows[1]]
    assert found.rows[0].rounded_gap is None
    assert not found.unexplained


@pytest.mark.thorough
@pytest.mark.usefixtures("tuned_home")
def test_the_command_shows_and_keeps_the_answers_of_a_fresh_process(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = finished("lora", tiny_folder)
    to = tmp_path / "adapter"
    capsys.readouterr()
    assert main(["export", "--run", run.id, "--to", str(to), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    kept = json.loads((to / "parity.json").read_text())
    compared = [line for line in lines if line["type"] == "compared"]
    assert len(compared) == kept["n"] == len(kept["rows"]) == 2  # the run was tested on two pairs
    assert all(one["exported"] for one in compared)
    (found,) = [line for line in lines if line["type"] == "parity"]
    assert found["n_equal"] + found["n_near_ties"] == 2
    assert found["n_equal"] == kept["n_equal"] == sum(one["is_equal"] for one in compared)
    assert lines[-1] == {"type": "exported", "format": "peft", "folder": str(to)}
    assert str(tiny_folder) not in (to / "parity.json").read_text()


@pytest.mark.thorough
@pytest.mark.usefixtures("tuned_home")
def test_other_weights_are_found_out(tiny_folder: Path, tmp_path: Path) -> None:
    run, store = finished("full", tiny_folder), RunStore()
    to = export(store, run.id, tmp_path / "merged", "merged", is_checked=False).folder
    shutil.copyfile(tiny_folder / "model.safetensors", to / "model.safetensors")
    found = check_answers(store, run, to, "merged")
    assert found.n_equal == 0
    assert found.near_ties == []
    assert all(row.app_gap and row.parts_at is not None for row in found.rows)


@pytest.mark.thorough
@pytest.mark.usefixtures("tuned_home")
def test_what_cannot_be_loaded_afresh_is_one_sentence_and_leaves_nothing(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished("lora", tiny_folder)
    broken = tmp_path / "assets" / "export"
    broken.mkdir(parents=True)
    (broken / "answer.py").write_text("import core\n")  # which the fresh process cannot see
    monkeypatch.setattr(module, "ASSETS", tmp_path / "assets")
    with pytest.raises(
        UserError, match=r"No module named 'core'\. Nothing was written; --no-check"
    ):
        export(RunStore(), run.id, tmp_path / "to")
    assert not list(tmp_path.glob("to*"))


@pytest.mark.thorough
def test_no_torch_is_loaded_for_a_page() -> None:
    code = "import core.export.export, sys; print({'torch', 'transformers', 'peft'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
