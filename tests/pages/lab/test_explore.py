"""The page Explore: runs as rows, their figures, and what a choice opens."""

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.config import DataConfig, MethodConfig, MitigationConfig, OptimizerConfig, RunConfig
from core.runs.record import RunSummary
from core.runs.store import RunStore, worker_identity
from pages.lab.explore.figures import parallel, scatter
from pages.lab.explore.opened import difference_table
from pages.lab.explore.points import columns, recorded_rows, settings_of
from tests.patience import PATIENCE_S
from tests.planted import Planted, short_events

ROOT = Path(__file__).resolve().parents[3]
CONFIGS = (
    RunConfig(
        method=MethodConfig(name="lora", rank=4), optimizer=OptimizerConfig(learning_rate=1e-3)
    ),
    RunConfig(method=MethodConfig(name="full"), optimizer=OptimizerConfig(learning_rate=5e-5)),
    RunConfig(
        method=MethodConfig(name="full"),
        optimizer=OptimizerConfig(learning_rate=5e-5),
        cure=MitigationConfig(regularizer="l2sp", strength=3.0),
    ),
)


def plant(planted: Planted) -> list[str]:
    ids: list[str] = []
    for n, config in enumerate(CONFIGS):
        scores = {"sentiment": 0.9 - n / 10, "names": 0.2 + n / 10}
        events = short_events("sentiment", 0.1, scores["sentiment"])
        first = {"sentiment": 0.1, "names": 0.8}
        run = planted.add(config, scores, first=first, events=events, collection="ranks")
        ids.append(run.run_id)
    return ids


def opened(**address: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S).run()
    for name, value in address.items():
        app.query_params[name] = value
    app.switch_page("pages/lab/explore/page.py").run()
    assert not app.exception
    return app


def finish_own(config: RunConfig, score: float) -> str:
    store = RunStore()
    run = store.submit(config)
    claimed = store.claim(worker=worker_identity())
    assert claimed is not None
    summary = RunSummary(scores={"sentiment": score, "names": 0.5}, first_scores={"sentiment": 0.1})
    store.finish(run.id, summary)
    return run.id


def test_without_runs_the_page_says_so(planted: Planted) -> None:
    app = opened()
    assert any("No runs yet" in markdown.value for markdown in app.markdown)
    assert not app.get("plotly_chart")


def test_all_runs_are_points(planted: Planted) -> None:
    plant(planted)
    app = opened()
    assert any("3 runs, each a point:** 3 recorded, 0 of yours" in m.value for m in app.markdown)
    assert len(app.get("plotly_chart")) == 2
    assert [box.value for box in app.selectbox] == ["score.sentiment", "score.names", "method.name"]


def test_ones_own_finished_runs_are_among_them(planted: Planted) -> None:
    plant(planted)
    finish_own(RunConfig(data=DataConfig(task="sentiment"), seed=7), 0.7)
    app = opened()
    assert any("4 runs, each a point:** 3 recorded, 1 of yours" in m.value for m in app.markdown)


@pytest.mark.thorough
def test_a_filter_leaves_out_the_others(planted: Planted) -> None:
    plant(planted)
    app = opened()
    app.multiselect(key="explore_filters").set_value(["method.name"]).run()
    app.multiselect(key="explore_filter_method.name").set_value(["LoRA"]).run()
    assert not app.exception
    assert len(app.dataframe[0].value) == 1


def test_what_means_nothing_to_a_run_is_missing_there() -> None:
    lora, full, l2sp = (settings_of(config.to_dict()) for config in CONFIGS)
    assert lora["method.rank"] == 4
    assert full["method.rank"] is None
    assert lora["method.virtual_tokens"] is None
    assert full["cure.strength"] is None
    assert l2sp["cure.strength"] == 3.0
    assert lora["method.target_modules"] == "query, value"


def test_only_what_differs_is_an_axis(planted: Planted) -> None:
    plant(planted)
    known = columns(recorded_rows())
    assert {"method.name", "optimizer.learning_rate", "score.names", "change.names"} <= known.keys()
    assert not {"seed", "model", "data.task"} & known.keys()
    assert known["change.names"].title == "Names, change"


def test_only_the_index_is_read(planted: Planted) -> None:
    for run_id in plant(planted):
        (planted.folder / "ranks" / f"{run_id}.jsonl.gz").unlink()
    assert len(recorded_rows()) == len(CONFIGS)


def test_points_carry_the_run_that_a_click_opens(planted: Planted) -> None:
    ids = plant(planted)
    rows = recorded_rows()
    known = columns(rows)
    figure = scatter(
        rows, known["optimizer.learning_rate"], known["score.names"], known["method.name"]
    )
    traces: Any = figure.data
    assert sorted(row[0] for trace in traces for row in trace.customdata) == ids
    assert [trace.name for trace in traces] == ["Full fine-tuning", "LoRA"]
    assert len({trace.marker.symbol for trace in traces}) == 2
    lines: Any = parallel(
        rows, [known["method.name"], known["score.names"]], known["score.names"]
    ).data[0]
    assert list(lines.dimensions[0].ticktext) == ["Full fine-tuning", "LoRA"]


def test_two_runs_are_told_apart_by_what_differs(planted: Planted) -> None:
    first, second, _ = plant(planted)
    rows = recorded_rows()
    known = columns(rows)
    two = [row for row in rows if row.run_id in (first, second)]
    found = difference_table(two, known, {first: "a", second: "b"}).set_index("")
    assert dict(found.loc["method"]) == {"a": "LoRA", "b": "Full fine-tuning"}
    assert dict(found.loc["Sentiment"]) == {"a": "0.90", "b": "0.80"}
    assert dict(found.loc["rank"]) == {"a": "4", "b": "–"}
    assert "regularizer" not in found.index


@pytest.mark.thorough
def test_the_run_in_the_address_is_replayed(planted: Planted) -> None:
    run_id, *_ = plant(planted)
    app = opened(run=run_id)
    assert "python -m core train" in [code.value for code in app.code]
    assert any("Recorded on a machine" in caption.value for caption in app.caption)
    assert app.header[0].value.startswith("sentiment · LoRA 0.001, rank 4")


def test_ones_own_run_in_the_address_is_drawn(planted: Planted) -> None:
    run_id = finish_own(RunConfig(seed=7), 0.7)
    app = opened(run=run_id)
    assert app.header[0].value.startswith("sentiment · LoRA")
