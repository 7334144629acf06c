"""The page Findings: with no recordings, some and all of what one finding asks."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.config import MethodConfig
from core.experiments.sweep import RANKS
from core.findings import FINDINGS, find_finding, judge
from core.findings.evidence import Records
from core.findings.low_rank import of_method
from pages.lab.findings.figure import figure_of, words_of
from tests.patience import PATIENCE_S
from tests.planted import Planted

ROOT = Path(__file__).resolve().parents[3]


def opened(**address: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S).run()
    app.switch_page("pages/lab/findings/page.py").run()
    for name, value in address.items():
        app.session_state[name] = value == "true"
    app.run()
    assert not app.exception
    return app


def labels(app: AppTest) -> list[str]:
    return [expander.label for expander in app.expander if "**" in expander.label]


def plant_ranks(planted: Planted, scores: dict[int, float], n_seeds: int = 3) -> None:
    for rank, score in scores.items():
        for seed in range(n_seeds):
            planted.add(of_method(MethodConfig(rank=rank), seed), {"sentiment": score})


@pytest.mark.thorough
def test_without_recordings_every_finding_is_listed_and_none_is_judged(planted: Planted) -> None:
    app = opened(findings_small_rank="true")
    assert len(labels(app)) == len(FINDINGS)
    assert all(label.endswith("not recorded yet") for label in labels(app))
    said = " ".join(caption.value for caption in app.caption)
    assert "None of its 24 figures is recorded yet" in said
    assert "Not recorded yet: rank 4 and rank 128." in said


@pytest.mark.thorough
def test_a_verdict_comes_with_the_recordings(planted: Planted) -> None:
    plant_ranks(planted, dict.fromkeys(RANKS, 0.95))
    app = opened(findings_small_rank="true")
    (label,) = [label for label in labels(app) if "small rank" in label]
    assert label == "✓ **A small rank is enough** · holds"
    text = " ".join(markdown.value for markdown in app.markdown)
    assert find_finding("small_rank").if_holds in text
    assert len(app.get("plotly_chart")) == 1  # only what is open is drawn
    assert "24 of 24 figures are recorded." in " ".join(c.value for c in app.caption)


@pytest.mark.thorough
def test_what_is_recorded_in_part_is_not_decided(planted: Planted) -> None:
    plant_ranks(planted, dict.fromkeys(RANKS, 0.95), n_seeds=2)
    (label,) = [label for label in labels(opened()) if "small rank" in label]
    assert label.endswith("not decided")


@pytest.mark.thorough
def test_only_the_chosen_verdicts_are_listed(planted: Planted) -> None:
    plant_ranks(planted, dict.fromkeys(RANKS, 0.95))
    app = opened()
    app.button_group(key="findings_verdicts").set_value(["holds"]).run()
    assert len(labels(app)) == 1


def test_a_figure_follows_the_axis_and_marks_what_is_compared(planted: Planted) -> None:
    plant_ranks(planted, {rank: 0.5 + rank / 1_000 for rank in RANKS})
    result = judge(find_finding("small_rank"), Records())
    figure = figure_of(result, "sentiment learned")
    assert figure.layout.xaxis.type == "log"
    marks = [trace for trace in figure.data if trace.marker.symbol == "diamond"]
    assert [trace.x[0] for trace in marks] == [4, 128, 1, 2, 8, 16, 32, 64]
    assert len({trace.marker.color for trace in marks[:3]}) == 1
    assert marks[0].marker.color != marks[3].marker.color
    assert all(trace.error_y.array[0] > 0 for trace in marks)
    assert "rank 1: 0.50 [" in words_of(result, "sentiment learned")
