"""What the base model answered with examples in its prompt is read from what it was asked while recording."""

from pathlib import Path

from core.experiments.for_findings import few_examples_config
from core.experiments.mitigations import LEARNED
from core.experiments.prompting import SHOTS, prompt_evaluations, tuned_config
from core.findings import Verdict, find_finding, judge
from core.findings.evidence import Records
from core.findings.sources import Prompted
from core.recorded.answers import base_path, save
from core.runs.messages import Measure
from core.runs.prompt_evaluation import Measured, PromptEvaluation
from tests.planted import STAMP, Planted

SEEDS = (0, 1, 2)


def measured(asked: PromptEvaluation, score: float) -> Measured:
    return Measured(
        asking=asked,
        measured_at=0.0,
        score=score,
        metric="exact_match",
        interval=(score - 0.1, score + 0.1),
        n=48,
        prompt_tokens=100.0,
        uncached_tokens=20.0,
        answer_tokens=1.0,
        seconds=(0.1, 0.1),
        cached_seconds=(0.1, 0.1),
    )


def test_tuning_on_few_examples_beside_showing_them(planted: Planted, tmp_path: Path) -> None:
    asked = list(prompt_evaluations(LEARNED, SHOTS[-1:], SEEDS))
    assert Prompted(asked=asked[0]).read(Records(tmp_path)) is None
    answers = [(Measure(wanted=one), [measured(one, 0.5)]) for one in asked]
    save(base_path(tmp_path), answers, identity="base", stamp=STAMP)
    for seed in SEEDS:
        planted.add(few_examples_config("ia3", 64, seed=seed), {LEARNED: 0.95})
        planted.add(tuned_config(LEARNED, "lora", 64, seed=seed), {LEARNED: 0.95})
    result = judge(find_finding("ia3_few_examples"), Records(tmp_path))
    assert result.parts[0].second.values == (0.5, 0.5, 0.5)
    assert result.verdict is Verdict.HOLDS
