"""Lesson 2: the loop's lit line, the warning of few tests, and whose run is shown."""

import math

import pytest
from streamlit.testing.v1 import AppTest

from core.config import OptimizerConfig, RunConfig
from core.train.phases import BatchPhase, ForwardPhase, LossPhase, PairPieces, Phase, TargetToken
from pages.lessons.instruction.results import likelihood, short_pairs
from pages.lessons.instruction.stepping import PHASES, loop_html
from pages.shared.run_charts import loss_title

ROWS = [TargetToken(token=" positive", loss=1.2, probability=0.3, count=5)]
RESULTS: list[Phase] = [
    BatchPhase(
        step=1,
        examples=[PairPieces(prompt=["a"], completion=["b"])] * 8,
        tokens_computed=90,
        tokens_padded=200,
        n_targets=16,
    ),
    ForwardPhase(step=1, rows=ROWS, hidden_size=4, vocabulary=9),
    LossPhase(step=1, loss=2.2, rows=ROWS),
]


def lit(shown: str) -> list[str]:
    return [row for row in shown.split("<div") if row.startswith(" class=lit")]


def test_before_the_first_click_no_line_is_lit() -> None:
    shown = loop_html([])
    assert not lit(shown)
    assert all(word in shown for word in ("loss.backward()", "optimizer.step()"))


def test_the_line_carried_out_last_is_lit_with_its_value() -> None:
    (row,) = lit(loop_html(RESULTS))
    assert "cross_entropy" in row
    assert "2.20 nats, so 11\u00a0% for the right token" in row


def test_values_of_earlier_lines_stay_until_the_next_step() -> None:
    shown = loop_html(RESULTS)
    assert "8 pairs, 90 tokens" in shown
    assert "P(“positive”) = 0.30" in shown
    full_step = [*RESULTS, *RESULTS]  # six phases: a whole step
    assert len(full_step) == len(PHASES)
    (row,) = lit(loop_html([*full_step, RESULTS[0]]))
    assert "tokens, labels" in row
    assert "2.20 nats" not in loop_html([*full_step, RESULTS[0]])


def test_a_loss_is_said_as_the_right_tokens_probability() -> None:
    assert loss_title(2.2, 0.34) == ("Loss 2.20 → 0.34: right token 11\u00a0% → 71\u00a0%")
    assert likelihood(math.log(4)) == pytest.approx(0.25)


def test_the_three_pairs_are_short_and_of_both_labels() -> None:
    pairs = short_pairs()
    assert len({p.prompt for p in pairs}) == 3
    assert {p.completion for p in pairs} == {"positive", "negative"}
    assert max(len(p.prompt) for p in pairs) < 160


def few(n: int, score: float) -> None:
    from core.evaluate.uncertainty import wilson_interval
    from pages.lessons.instruction.results import warn_of_few_tests
    from tests.events import evaluation

    interval = wilson_interval(round(score * n), n)
    warn_of_few_tests([evaluation(20, "custom", score, n=n, interval=interval)], "custom")


@pytest.mark.thorough
def test_a_perfect_score_on_four_pairs_is_not_believed() -> None:
    app = AppTest.from_function(few, args=(4, 1.0)).run()
    (said,) = app.warning
    assert "1.00 rests on only 4 test pairs" in said.value
    assert "from 0.51 to 1.00" in said.value
    assert not AppTest.from_function(few, args=(40, 1.0)).run().warning


def test_epochs_are_counted() -> None:
    from pages.lessons.instruction.training_data import epochs

    config = RunConfig(optimizer=OptimizerConfig(steps=20, batch_size=8))
    assert "160 of 395 training pairs, 0.41 epochs" in epochs(config, 395)
    assert "all 16 training pairs 10 times" in epochs(config, 16)


def test_a_metric_of_means_gets_an_interval_too() -> None:
    """A mean of equal values has no width; four tests are few all the same."""

    def same() -> None:
        from pages.lessons.instruction.results import warn_of_few_tests
        from tests.events import evaluation

        warn_of_few_tests([evaluation(9, "custom", 1.0, n=4, interval=(1.0, 1.0))], "custom")

    (said,) = AppTest.from_function(same).run().warning
    assert "from 0.51 to 1.00" in said.value
