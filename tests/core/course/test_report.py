"""The lab report: whole, offline, and its settings come back."""

import re

import pytest

from core.config import RunConfig
from core.course.content import lesson
from core.course.measured_run import MeasuredRun
from core.course.report import MOST_BYTES, Answered, Guessed, config_of_report, report
from core.errors import UserError
from core.experiments.collapse import LEAD, collapse
from tests.events import evaluation, sample, step

EVENTS = (
    sample(0, "", "Amina and Omar <b>", prompt=LEAD),
    evaluation(0, "names", 0.8),
    step(1, 2.1),
    step(2, 0.4),
    evaluation(20, "names", 0.06),
    sample(20, "", "negative", prompt=LEAD),
)


def made(config: RunConfig | None = None) -> str:
    return report(
        lesson("forgetting"),
        MeasuredRun(config=config or collapse(), events=EVENTS),
        guesses=[Guessed(ask="What?", guess="nothing </script>", came="It answered “negative”.")],
        answered=[Answered(ask="Why?", answer="The loss", verdict="Yes.")],
        learner="Mia <i>",
    )


def test_a_report_holds_everything_and_needs_nothing() -> None:
    text = made()
    assert len(text.encode()) < MOST_BYTES
    for said in (
        "nothing &lt;/script&gt;",
        "It answered “negative”.",
        "Mia &lt;i&gt;",
        "Amina and Omar &lt;b&gt;",
    ):
        assert said in text
    assert "Names: 0.80 → 0.06" in text
    assert "training loss: 2.10 → 0.40" in text
    assert "python -m core train" in text
    assert "{{" not in text
    assert not re.search(r'(?:src|href)="', text)
    assert re.findall(r"<script[^>]*>", text) == [
        '<script type="application/json" id="tuning-fork/settings">'
    ]


@pytest.mark.parametrize(
    "config", [collapse(), collapse(method="lora", rate=1e-3, steps=7, seed=5)]
)
def test_the_settings_come_back(config: RunConfig) -> None:
    assert config_of_report(made(config)) == config


def test_settings_that_look_like_tags_come_back() -> None:
    config = collapse()
    config = RunConfig.from_dict(
        {**config.to_dict(), "evaluation": {"prompts": ["</script><b>x</b>"]}}
    )
    assert config_of_report(made(config)).evaluation.prompts == ("</script><b>x</b>",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<html></html>", "no lab report"),
        ("x" * (MOST_BYTES + 1), "larger than 1 MB"),
        (made().replace('{"model"', '{"model'), "damaged"),
        (re.sub(r'"steps": \d+', '"steps": -3', made()), "steps"),
    ],
)
def test_another_file_is_refused_with_a_sentence(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        config_of_report(text)
