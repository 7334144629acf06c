"""Figures and findings of the lessons on PEFT, LoRA, soft prompts and one base, from small results written by hand."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.config import METHODS, MethodConfig
from core.evaluate.uncertainty import wilson_interval
from core.events import Memory, NearWord, VirtualToken, VirtualTokens, VocabularyMap, Word
from core.experiments.adapters import Adapter, names_of, newest_of_each
from core.experiments.method_rows import MethodRow, method_settings
from core.experiments.ranks import RankRow
from core.experiments.soft_prompts import SizeRun
from core.experiments.sweep import MISSING, Cell, Sweep
from core.inspect.results import Spectrum
from core.paths import ASSETS
from core.runs.messages import TextScore
from core.shape import PUBLISHED, total_parameters
from pages.lessons.lora.matrices import rank_figures, rank_finding, spectrum_finding, with_power
from pages.lessons.lora.sweep import grid, heatmap, sweep_finding
from pages.lessons.one_base.adapters import memory_finding as copies_finding
from pages.lessons.one_base.adapters import memory_rows, weights_words
from pages.lessons.peft.calculator import calculator_heading, fits, parts_figure
from pages.lessons.peft.pictures import layer_picture
from pages.lessons.peft.shares import band_heading, share_rows, size_heading, size_rows
from pages.lessons.peft.side_by_side import (
    headline,
    memory_finding,
    memory_table,
    side_table,
    trade_off_figure,
)
from pages.lessons.soft_prompts.figures import against_words, map_chart
from pages.lessons.soft_prompts.sizes import size_finding
from tests.events import evaluation

SHAPE = PUBLISHED["SmolLM2-135M"]


def row(name: str, learned: float, kept: float, *, own: bool = False, n: int = 1000) -> MethodRow:
    memory = Memory(
        step=1,
        frozen_bytes=2 * 10**6,
        trained_bytes=4 * n,
        gradient_bytes=4 * n,
        optimizer_bytes=8 * n,
        activation_bytes=10**6,
        n_tokens=250,
    )
    return MethodRow(
        method=MethodConfig(name=name),
        knob="",
        seed=0,
        n_trained=n,
        n_total=10**6,
        memory=memory,
        artifact_bytes=4 * n,
        step_s=0.5,
        scores={"sentiment": learned, "names": kept, "general": kept},
        lines=(),
        n=60,
        is_recorded=not own,
        run_id="mine" if own else "",
    )


def test_the_table_and_the_chart_tell_yours_from_recorded() -> None:
    found = method_settings(
        [row("lora", 0.9, 0.6), row("lora", 0.8, 0.4), row("full", 0.9, 0.1, own=True)]
    )
    table = side_table(found).set_index("method")
    assert table.loc["LoRA", "runs"] == "recorded, 2"
    assert table.loc["LoRA", "sentiment"] == "0.85 (0.80–0.90)"
    assert table.loc["LoRA", "right form"] == "–"  # a record from before it was measured
    assert table.loc["Full fine-tuning", "runs"] == "yours, 1"
    names = [trace.name for trace in trade_off_figure(found, "names").data]  # pyright: ignore
    assert names == ["LoRA", "yours: Full fine-tuning"]


def test_the_headline_names_the_smallest_share_that_learned() -> None:
    found = method_settings([row("lora", 0.9, 0.6), row("ia3", 0.9, 0.5, n=10)])
    assert headline(found, "sentiment") == (
        "2 of 2 reached 0.85 on sentiment in every run; of these IA³ trains the smallest share, 0.001 % "
        "(one run)"
    )
    unsteady = method_settings([*found[0].rows, *found[1].rows, row("ia3", 0.8, 0.5, n=10)])
    assert headline(unsteady, "sentiment").startswith(
        "1 of 2 reached 0.85 on sentiment in every run; of these LoRA"
    )
    for measure, words in (("names", "names"), ("general", "general questions")):
        said = f"LoRA kept most {words}: 0.60 (the other one cannot be told from it)"
        assert said in headline(found, measure)
    little = method_settings([row("ia3", 0.1, 0.9)])
    assert headline(little, "sentiment").startswith("No method has learned")


def test_memory_stands_beside_its_formula() -> None:
    found = method_settings([row("lora", 0.9, 0.6, n=460_800)])
    table = memory_table(found, SHAPE)
    assert table["gradients, formula"][0] == pytest.approx(4 * 460_800 / 1e6)
    assert "within 0.1 %" in memory_finding(table)


def test_shares_follow_from_the_shape() -> None:
    rows = share_rows(SHAPE)
    assert set(rows.method) == set(METHODS)
    assert (rows.low <= rows.share).all()
    assert (rows.share <= rows.high).all()
    assert "train less than 1 %" in band_heading(rows, [])
    sizes = size_rows(8)
    by_size = sizes.sort_values("parameters")
    assert by_size.share.iloc[0] > by_size.share.iloc[-1]
    assert size_heading(sizes, 8)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_a_picture_for_those_who_do_not_see(method: str) -> None:
    svg = layer_picture(MethodConfig(name=method), SHAPE)
    assert f"One decoder layer with {METHODS[method].title}" in svg.replace("&#x27;", "'")


def test_the_calculator_says_on_which_card_it_fits() -> None:
    from core.formulas.memory import memory_parts, total_gb

    shape, method = PUBLISHED["Llama-2-7B"], MethodConfig(name="full")
    parts = memory_parts(method, shape)
    assert total_gb(parts) > 80
    assert "fits on no single card" in fits(total_gb(parts))
    assert fits(10).endswith("one 24 GB card.")
    assert "the largest part is optimizer" in calculator_heading(method, shape, parts)
    shown = {trace.name for trace in parts_figure(parts).data}  # pyright: ignore
    assert shown == {part.name for part in parts if part.n_bytes}


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
        "values hold 100 % of its squared norm" in words
    )
    assert (
        "full: effective rank 1.5 (a random matrix of the same shape, norm and rank: 7.4), the first 8 singular "
        "values hold 50 % of its squared norm" in words
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


def size(n: int, score: float) -> SizeRun:
    return SizeRun(
        virtual_tokens=n,
        method="prompt",
        seed=0,
        score=score,
        interval=(score - 0.1, score + 0.1),
        n=60,
        is_recorded=False,
    )


def test_a_best_number_of_virtual_tokens_is_named_where_intervals_part() -> None:
    assert size_finding([size(1, 0.5)]).startswith("Run more sizes")
    words = size_finding([size(1, 0.5), size(10, 0.9), size(10, 0.7)])
    assert words == (
        "10 virtual tokens scored highest, 0.80 (2 runs); the 95 % intervals of all other sizes lie below"
    )
    near = size_finding([size(1, 0.7), size(2, 0.2), size(5, 0.65), size(10, 0.8)])
    assert near == (
        "No best size is shown: 10 virtual tokens scored highest, 0.80 (one run), but its 95 % interval "
        "overlaps with that of size 1, 5"
    )


def test_overlapping_intervals_have_no_winner() -> None:
    soft = evaluation(20, "sentiment", 0.8, interval=(0.7, 0.9))
    hand = TextScore(score=0.6, interval=(0.5, 0.75), n=60, n_tokens=12, n_cut=0, max_new_tokens=8)
    assert "overlap, so neither is shown to be higher" in against_words(soft, hand, 10)
    assert "do not overlap" in against_words(soft, replace(hand, interval=(0.4, 0.6)), 10)


def test_the_map_is_drawn_at_the_step_asked_for() -> None:
    words = [Word(token="film", x=0.0, y=0.0)]
    plane = VocabularyMap(step=0, words=words, explained=(0.3, 0.2))
    nearest = [NearWord(token=" tea", cosine=0.5)]
    looks = [
        VirtualTokens(step=n, tokens=[VirtualToken(x=n, y=1.0, norm=1.0, nearest=nearest)])
        for n in (0, 1, 2)
    ]
    chart = map_chart([plane, *looks], 1).to_dict()
    assert chart["title"].startswith("After step 1, 1 virtual tokens: mean cosine")
    drawn = list(chart["datasets"].values())
    assert any([r.get("x") for r in rows] == [1] for rows in drawn)  # the token, at step 1 only


def test_a_hundred_adapters_take_less_than_a_hundred_copies() -> None:
    frame = memory_rows(2e6, 100_000_000)
    assert copies_finding(frame) == (
        "100 tasks: 20.0 GB as copies, 0.40 GB as adapters, 50 times less"
    )
    made = Adapter(run_id="x123456", task="names", rank=8, seed=0, score=0.9, n_bytes=10)
    assert made.title == "Names · 123456"


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


def adapter(task: str, run_id: str) -> Adapter:
    return Adapter(run_id=run_id, task=task, rank=8, seed=0, score=0.9, n_bytes=2_000_000)


def test_of_each_task_the_newest_adapter_is_loaded_and_named_by_it() -> None:
    new, old = adapter("sentiment", "3-aaaaaa"), adapter("sentiment", "1-bbbbbb")
    names = adapter("names", "2-cccccc")
    loaded = newest_of_each([new, names, old], ["sentiment", "topic", "names"])
    assert loaded == [new, names]
    assert names_of(loaded) == {"Sentiment": new, "Names": names}
    assert names_of([new, old]) == {"Sentiment · aaaaaa": new, "Sentiment · bbbbbb": old}


def test_copies_and_adapters_in_one_line() -> None:
    assert weights_words(3, 2e6, 134_515_008) == "3 copies 807 MB, base + 3 adapters 275 MB"


def answers_told() -> None:
    import streamlit as st

    from core.experiments.adapter_answers import BASE, sample_prompt
    from core.runs.messages import Switched
    from pages.lessons.one_base.adapters import remember, told

    prompt = sample_prompt("sentiment")
    st.text(told(prompt, "Base model", BASE)[0])
    st.text(told("Another prompt", "Base model", BASE))
    switched = Switched(switch_ms=1.0, loaded=1, adapter_bytes={}, base_bytes=1)
    remember(prompt, "Sentiment", switched, "mine")
    st.text(told(prompt, "Sentiment", "sentiment"))


def test_ones_own_answer_stands_in_place_of_the_recorded_one() -> None:
    app = AppTest.from_function(answers_told).run()
    assert not app.exception
    assert [text.value for text in app.text] == [
        "Base model (recorded)", "('Base model', '?')", "('Sentiment', 'mine')",
    ]  # fmt: skip
