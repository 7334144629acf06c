"""What a run is expected to take, by those before it; and how far off that was."""

from pathlib import Path

import pytest

from core.config import MethodConfig, OptimizerConfig, RunConfig
from core.datacheck.expected import Expected, expect, looking_back, shape_of
from core.datacheck.lengths import Lengths
from core.events import Memory
from core.formulas.memory import in_this_app
from core.runs.store import Run, RunStore, RunSummary
from core.shape import total_parameters

BATCH_TOKENS = 400.0


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    return RunStore()


def finished(store: RunStore, config: RunConfig, *, seconds: float, peak_mb: float) -> Run:
    run = store.start(config, worker="here")
    store.append(
        run.id,
        Memory(
            step=1,
            frozen_bytes=270_000_000,
            trained_bytes=2_000_000,
            gradient_bytes=2_000_000,
            optimizer_bytes=4_000_000,
            activation_bytes=100_000_000,
            n_tokens=400,
        ),
    )
    summary = RunSummary(
        steps=20, train_s=seconds / 2, elapsed_s=seconds, peak_memory_mb=peak_mb, artifact_bytes=4
    )
    store.finish(run.id, summary)
    return store.get(run.id)


def test_nothing_is_expected_before_a_run_has_finished(store: RunStore) -> None:
    expected = expect(RunConfig(), store, batch_tokens=BATCH_TOKENS)
    assert (expected.seconds, expected.memory_mb) == (None, None)
    assert "not known yet" in expected.in_words


def test_what_is_known_is_said() -> None:
    said = [
        Expected(seconds=seconds, memory_mb=memory).in_words
        for seconds, memory in ((30, 900), (30, None), (None, 1_234.4))
    ]
    assert said == [
        "Expected: about 30 s and 900 MB of memory.",
        "Expected: about 30 s.",
        "Expected: 1,234 MB of memory; how long it takes no finished run of this method tells yet.",
    ]


def test_equal_settings_are_expected_to_take_the_same_time(store: RunStore) -> None:
    run = finished(store, RunConfig(), seconds=30, peak_mb=1_000)
    expected = expect(RunConfig(seed=1), store, batch_tokens=BATCH_TOKENS)
    assert expected.seconds == pytest.approx(30)
    longer = RunConfig(optimizer=OptimizerConfig(steps=200))
    assert expect(longer, store, batch_tokens=BATCH_TOKENS).seconds > 60
    assert expect(RunConfig(), store, batch_tokens=BATCH_TOKENS, before=run.ended_at or 0.0) == (
        Expected(seconds=None, memory_mb=None)
    )


def test_memory_is_what_the_formulas_count_and_what_runs_took_beyond(store: RunStore) -> None:
    finished(store, RunConfig(), seconds=30, peak_mb=1_000)
    lora = expect(RunConfig(), store, batch_tokens=BATCH_TOKENS).memory_mb
    full = expect(
        RunConfig(method=MethodConfig(name="full")), store, batch_tokens=BATCH_TOKENS
    ).memory_mb
    assert lora is not None
    assert full is not None
    assert (
        622 + 270 < lora < 622 + 270 + 500
    )  # what it took beyond its parts, the weights, activations
    # Weights of four bytes instead of two, a gradient and two moments for each.
    assert full - lora > 134.5 * (4 - 2 + 8 + 2)
    more = RunConfig(optimizer=OptimizerConfig(batch_size=64))
    assert (expect(more, store, batch_tokens=8 * BATCH_TOKENS).memory_mb or 0) > lora + 100


def test_a_peak_of_an_earlier_run_in_the_same_process_is_not_taken_for_this_one_s(
    store: RunStore,
) -> None:
    finished(store, RunConfig(), seconds=30, peak_mb=1_000)
    alone = expect(RunConfig(), store, batch_tokens=BATCH_TOKENS).memory_mb
    for seed in (1, 2):
        finished(store, RunConfig(seed=seed), seconds=30, peak_mb=3_000)
    assert expect(RunConfig(), store, batch_tokens=BATCH_TOKENS).memory_mb == alone


def test_looking_back(store: RunStore) -> None:
    run = finished(store, RunConfig(), seconds=33, peak_mb=950)
    said = looking_back(Expected(seconds=30, memory_mb=1_000), run, store)
    assert (
        said
        == "It took 33 s instead of about 30 s (10\u00a0% more) and 950 MB instead of 1,000 MB (5\u00a0% less)."
    )
    assert looking_back(Expected(seconds=None, memory_mb=None), run, store) == ""


def test_memory_is_looked_back_on_only_where_the_peak_is_the_run_s_own(store: RunStore) -> None:
    finished(store, RunConfig(method=MethodConfig(name="full")), seconds=30, peak_mb=3_500)
    after = finished(store, RunConfig(), seconds=33, peak_mb=3_500)  # that of the process
    wanted = Expected(seconds=30, memory_mb=1_000)
    assert (
        looking_back(wanted, after, store) == "It took 33 s instead of about 30 s (10\u00a0% more)."
    )


def test_memory_is_expected_by_runs_of_the_same_method(store: RunStore) -> None:
    def expected(method: str) -> float:
        config = RunConfig(method=MethodConfig(name=method))
        return expect(config, store, batch_tokens=BATCH_TOKENS).memory_mb or 0

    finished(store, RunConfig(), seconds=30, peak_mb=1_000)
    ia3, top = expected("ia3"), expected("top_layers")
    finished(store, RunConfig(method=MethodConfig(name="full")), seconds=30, peak_mb=2_000)
    shape = shape_of(RunConfig().model)
    parts = in_this_app(MethodConfig(name="full"), shape, n_tokens=400)
    weights = 4 * total_parameters(shape) + parts["gradients"] + parts["optimizer"]
    # It took 378 MB in parts, 100 of them activations of as many tokens.
    assert expected("full") == pytest.approx(weights / 1e6 + 100 + 2_000 - 378)
    assert expected("top_layers") > top  # by the run of the nearest kind
    assert expected("ia3") == ia3


def test_what_all_prompts_begin_with_is_computed_once_a_batch() -> None:
    found = Lengths(prompts=[40, 50, 60], completions=[2, 2, 2], shared=30)
    assert found.batch_tokens(1) == 52
    assert found.batch_tokens(8) == 30 + 8 * 22
    assert Lengths(prompts=[], completions=[], shared=0).batch_tokens(8) == 0
