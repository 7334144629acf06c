"""Findings on planted recordings: each verdict can come, and every config that one asks for is to be recorded."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.cli.main import main
from core.config import MethodConfig, RunConfig
from core.experiments.collapse import SEQUENCE
from core.experiments.collections import SEEDS, wanted
from core.experiments.for_findings import configs, order_config
from core.experiments.prompting import SHOTS
from core.findings import FINDINGS, Verdict, find_finding, judge, judged
from core.findings.evidence import Arm, BestOf, Records, Side
from core.findings.low_rank import LARGE, RANKS, SMALL, of_method
from core.findings.sources import FORGETTING, InTurn, Prompted, Score
from tests.planted import Planted, sequence_events


def arms(side: Side) -> Iterator[Arm]:
    if isinstance(side, BestOf):
        yield from side.arms
    elif isinstance(side, Arm):
        yield side


ARMS = [arm for finding in FINDINGS for _, side in finding.sides for arm in arms(side)]


def test_every_config_is_one_of_a_collection() -> None:
    known = {config.hash for one in wanted() for config in one.configs}
    asked = [s for arm in ARMS for s in arm.sources if isinstance(s, Score | InTurn)]
    assert len(asked) > 300
    assert {s.command for s in asked if s.config.hash not in known} == set()
    prompted = [s.asked for arm in ARMS for s in arm.sources if isinstance(s, Prompted)]
    assert prompted
    assert {asked.shots for asked in prompted} <= set(SHOTS)


def test_what_is_recorded_for_findings_alone_is_little_and_all_used() -> None:
    asked = {s.config.hash for arm in ARMS for s in arm.sources if isinstance(s, Score | InTurn)}
    more = [config.hash for config in configs(SEEDS)]
    assert len(more) <= 40
    assert set(more) <= asked


def test_findings_are_complete_and_told_apart() -> None:
    assert len(FINDINGS) >= 14
    names = [finding.name for finding in FINDINGS]
    assert len(set(names)) == len(names)
    for finding in FINDINGS:
        assert finding.parts
        for said in (finding.claim, finding.experiment, finding.if_holds, finding.if_not):
            assert said.endswith(".")
        for part in finding.parts:
            assert part.first.title != part.second.title


def test_a_score_that_is_no_share_has_no_such_interval() -> None:
    with pytest.raises(ValueError, match="F1"):
        Score(config=RunConfig(), task="summary")


def plant_ranks(planted: Planted, scores: dict[int, list[float]], **more: str) -> None:
    for rank, values in scores.items():
        for seed, value in enumerate(values):
            planted.add(of_method(MethodConfig(rank=rank), seed), {"sentiment": value}, **more)


@pytest.mark.parametrize(
    ("small", "verdict"),
    [
        ([0.95, 0.95, 0.97], Verdict.HOLDS),
        ([0.3, 0.32, 0.31], Verdict.NOT_HERE),
        ([0.9, 0.6, 0.8], Verdict.NOT_DECIDED),
        ([0.95, 0.95], Verdict.NOT_DECIDED),
    ],
)
def test_a_small_rank(
    small: list[float], verdict: Verdict, planted: Planted, tmp_path: Path
) -> None:
    plant_ranks(planted, {1: small, SMALL: small, LARGE: [0.95, 0.97, 0.95]})
    result = judge(find_finding("small_rank"), Records(tmp_path))
    assert result.verdict is verdict
    assert result.n_recorded == 2 * len(small) + 3
    assert result.n_wanted == len(RANKS) * len(SEEDS)
    assert bool(result.meaning) == (verdict in (Verdict.HOLDS, Verdict.NOT_HERE))


def test_part_of_it(planted: Planted, tmp_path: Path) -> None:
    high = [0.95, 0.95, 0.97]
    plant_ranks(planted, {1: [0.3, 0.3, 0.3], SMALL: high, LARGE: high})
    result = judge(find_finding("small_rank"), Records(tmp_path))
    assert [part.verdict for part in result.parts] == [Verdict.HOLDS, Verdict.NOT_HERE]
    assert result.verdict is Verdict.PARTLY


def test_nothing_is_recorded(tmp_path: Path) -> None:
    results = judged(folder=tmp_path)
    assert {result.verdict for result in results} == {Verdict.NOT_RECORDED}
    assert {result.n_recorded for result in results} == {0}


@pytest.mark.parametrize(
    ("end", "verdict"),
    [
        ([0.1, 0.1, 0.9], Verdict.HOLDS),
        ([0.82, 0.82, 0.9], Verdict.NOT_DECIDED),
        ([0.9, 0.9, 0.9], Verdict.NOT_HERE),
    ],
)
def test_backward_transfer_comes_from_the_events(
    end: list[float], verdict: Verdict, planted: Planted, tmp_path: Path
) -> None:
    matrix = [[0.1, 0.1, 0.1], [0.9, 0.1, 0.1], [0.9, 0.9, 0.1], end]
    for seed in SEEDS:
        events = sequence_events(matrix, SEQUENCE)
        planted.add(order_config(SEQUENCE, seed=seed), {}, events=events)
    result = judge(find_finding("backward_transfer"), Records(tmp_path))
    assert result.verdict is verdict
    first, second = result.parts
    lost = 0.9 - end[0]
    assert first.second.mean == pytest.approx(-lost)
    assert second.first.mean == pytest.approx(lost)
    low, high = second.first.interval  # four figures of ± 0.1, over two tasks
    assert (high - low) / 2 == pytest.approx(0.1)


def test_the_best_of_several_rates_waits_for_all(planted: Planted, tmp_path: Path) -> None:
    from core.experiments.collapse import collapse
    from core.experiments.collections import FULL_RATES, LORA_RATES

    def verdict() -> Verdict:
        return judge(find_finding("lora_at_its_rate"), Records(tmp_path)).verdict

    for seed in SEEDS:
        for rate in FULL_RATES:
            planted.add(
                collapse(rate=rate, seed=seed), {"sentiment": 0.98 if rate == 1e-4 else 0.5}
            )
        for rate in LORA_RATES[:-1]:
            planted.add(collapse(method="lora", rate=rate, seed=seed), {"sentiment": 0.5})
    assert verdict() is Verdict.NOT_RECORDED
    for seed in SEEDS:
        config = collapse(method="lora", rate=LORA_RATES[-1], seed=seed)
        planted.add(config, {"sentiment": 1.0})
    assert verdict() is Verdict.HOLDS


def test_forgetting_says_what_it_measures() -> None:
    finding = find_finding("backward_transfer")
    measures = {s.measure for a in ARMS for s in a.sources if isinstance(s, InTurn)}
    assert FORGETTING in measures
    assert "2018" in finding.cited


def test_the_command_lists_and_shows(
    planted: Planted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant_ranks(planted, {rank: [0.95, 0.95, 0.97] for rank in RANKS})
    assert main(["findings", "list", "--folder", str(tmp_path), "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["name"] for row in rows] == [finding.name for finding in FINDINGS]
    assert {row["name"] for row in rows if row["verdict"] == "holds"} == {"small_rank"}
    assert main(["findings", "show", "small_rank", "--folder", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "Hu et al. 2021" in out
    assert "24 of 24 figures are recorded." in out
    assert main(["findings", "show", "small_rang"]) == 2
    assert "There is no finding" in capsys.readouterr().err
