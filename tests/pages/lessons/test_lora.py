"""Figures and findings of the lesson on LoRA, from small results written by hand."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.config import MethodConfig
from core.evaluate.uncertainty import wilson_interval
from core.experiments.ranks import RankRow
from core.experiments.sweep import MISSING, Cell, Sweep
from core.inspect.results import Spectrum
from core.paths import ASSETS
from core.shape import PUBLISHED, total_parameters
from pages.lessons.lora.matrices import rank_figures, rank_finding, spectrum_finding, with_power
from pages.lessons.lora.sweep import grid, heatmap, sweep_finding

SHAPE = PUBLISHED["SmolLM2-135M"]


def spectrum(*values: float) -> Spectrum:
    total = sum(v * v for v in values)
    energy = [sum(v * v for v in values[: i + 1]) / total for i in range(len(values))]
    return Spectrum(
        singular_values=list(values),
        energy=energy,
        effective_rank=1.5,
        control_values=list(values),
        control_rank=7.4,
        relative=0.1,
        shape=[192, 576],
    )


@pytest.mark.parametrize(
    ("value", "said"), [(0.0123, "0.012"), (1.2e-7, "1.2 · 10⁻⁷"), (1e-5, "1.0 · 10⁻⁵"), (0.0, "0")]
)
def test_a_small_error_is_said_as_a_power_of_ten(value: float, said: str) -> None:
    assert with_power(value) == said


def test_a_spectrum_says_what_eight_values_hold() -> None:
    words = spectrum_finding({"LoRA": spectrum(*[1.0] * 8), "full": spectrum(*[1.0] * 16)})
    assert (
        "LoRA: effective rank 1.5 (a random matrix of the same shape, norm and rank: 7.4), the first 8 singular "
        "values hold 100\u00a0% of its squared norm" in words
    )
    assert (
        "full: effective rank 1.5 (a random matrix of the same shape, norm and rank: 7.4), the first 8 singular "
        "values hold 50\u00a0% of its squared norm" in words
    )


def rank_run(rank: int, learned: float) -> RankRow:
    return RankRow(
        method=MethodConfig(rank=rank),
        rate=1e-3,
        seed=0,
        learned=learned,
        kept=0.5,
        train_s=9.0,
        n=40,
    )


def test_ranks_are_compared_once_there_are_two() -> None:
    assert rank_finding([rank_run(8, 0.9)]).startswith("Run another rank")
    found = [rank_run(1, 0.5), rank_run(64, 0.9), rank_run(64, 0.7)]
    assert rank_finding(found) == (
        "Rank 1 learned sentiment to 0.50 (one run), rank 64 to 0.80 (2 runs); the 95 % intervals do not "
        "overlap"
    )
    near = rank_finding([rank_run(1, 0.7), rank_run(64, 0.8)])
    assert near.endswith("the 95 % intervals overlap, so neither is shown to be higher")
    all_tests = replace(rank_run(1, 0.5), n=0)
    assert all_tests.learned_interval == wilson_interval(80, 160)
    assert [len(figure.data[0].x) for figure in rank_figures(found)] == [3, 3, 3]  # pyright: ignore


def test_a_sweep_fills_while_it_runs() -> None:
    sweep = Sweep(ranks=(1, 8), rates=(1e-3, 3e-3))
    one, two, three, four = (Cell(config=c, status=MISSING) for c in sweep.configs())
    done = Cell(config=two.config, status="finished", learned=0.75, kept=0.5)
    cells = [one, done, three, Cell(config=four.config, status="running")]
    assert grid(cells, "learned") == ([1, 8], [1e-3, 3e-3], [[None, 0.75], [None, None]])
    words = "1 of 4 runs: sentiment learned is highest with rank 1 at 0.003: 0.75"
    assert sweep_finding(cells, "learned") == words
    near, far = replace(three, learned=0.7), replace(four, learned=0.1)
    assert sweep_finding([*cells[:2], near, far], "learned").endswith(
        "0.75; the 95 % intervals of 1 more overlap it"
    )
    (trace,) = heatmap(cells, "learned").data  # pyright: ignore
    assert [list(line) for line in trace.text] == [["", "0.75"], ["", "…"]]


def test_the_picture_counts_as_the_formula_does(tmp_path: Path) -> None:
    """lora_picture.js, run by Node where there is one: the same count as core's."""
    import shutil

    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node.js")
    source = (ASSETS / "components" / "lora_picture.js").read_text("utf-8")
    data = {
        "shapes": {"query": [576, 576], "value": [192, 576]},
        "shown": "query",
        "targets": ["query", "value"],
        "layers": 30,
        "total": total_parameters(SHAPE),
    }
    script = tmp_path / "picture.mjs"
    script.write_text(
        source
        + "\nconst said = {};\n"
        + "const node = () => ({ append() {}, setAttribute() {}, replaceChildren() {} });\n"
        + "globalThis.document = { createElementNS: node };\n"
        + "const root = { querySelector: (q) => q === 'svg' ? node() : "
        + "Object.defineProperty({}, 'textContent', "
        + "{ set: (t) => { said[q.slice(10, -1)] = t; } }) };\n"
        + f"draw(root, {json.dumps(data)}, 8, 16);\nconsole.log(JSON.stringify(said));\n"
    )
    done = subprocess.run([node, str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    from core.formulas.parameters import trainable_parameters

    n = trainable_parameters(MethodConfig(rank=8), SHAPE)
    assert said["n"] == f"{n:,}"
    assert said["share"].startswith(f"{100 * n / (total_parameters(SHAPE) + n):.3g}"[:4])


def _targets_app() -> None:
    import streamlit as st

    from pages.shared.settings import choose_targets

    st.write(",".join(choose_targets("Targets", key="lora_targets")))


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("linked", "wanted"),
    [
        (["q_proj", "down_proj"], "query,down"),
        (["key", "gate"], "key,gate"),
        ([], "query,value"),
    ],
)
def test_older_links_name_targets_as_llama_does(linked: list[str], wanted: str) -> None:
    app = AppTest.from_function(_targets_app)
    if linked:
        app.query_params["lora_targets"] = linked
    for _ in range(2):
        app.run()
        assert [text.value for text in app.markdown] == [wanted]
