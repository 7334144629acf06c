"""The lab report: whole, offline, and its settings come back."""

import json
import re
import shlex

import pytest

from core.cli.main import build_parser
from core.config import RunConfig
from core.course.content import lesson
from core.course.measured_run import MeasuredRun
from core.course.report import Answered, Guessed, Table, report
from core.course.report_settings import KIND, MOST_BYTES, Asked, Settings, settings_of
from core.errors import UserError
from core.experiments.collapse import LEAD, collapse
from core.generate.settings import SamplingSettings
from core.runs.prompt_evaluation import PromptEvaluation
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
    run = MeasuredRun(config=config or collapse(), events=EVENTS)
    return report(
        lesson("forgetting"),
        run,
        guesses=[Guessed(ask="What?", guess="nothing </script>", came="It answered “negative”.")],
        answers=[Answered(ask="Why?", answer="The loss", verdict="Yes.")],
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
    assert settings_of(made(config)) == Settings(lesson="forgetting", runs=(config,))


def test_what_was_asked_and_measured_comes_back_with_its_commands() -> None:
    asked = Asked(
        text="Is it <b>cold</b>?", raw=True, settings=SamplingSettings(temperature=0.7, seed=3)
    )
    settings = Settings(
        lesson="choice",
        runs=(collapse(), collapse(seed=1)),
        asked=asked,
        measured=PromptEvaluation(shots=4, seed=2),
    )
    table = Table(title="What was asked", head=("Prompt",), rows=(("Is it <b>cold</b>?",),))
    text = report(lesson("choice"), None, settings=settings, tables=(table,))
    assert settings_of(text) == settings
    assert "<td>Is it &lt;b&gt;cold&lt;/b&gt;?</td>" in text
    assert text.count("python -m core train") == 2
    assert "experiment prompting --task sentiment --seeds 2" in text
    arguments = build_parser().parse_args(shlex.split(asked.command)[3:])
    assert (arguments.prompt, arguments.raw, arguments.temperature, arguments.seed) == (
        *(asked.text, True, 0.7, 3),
    )


def test_a_report_of_an_older_version_still_holds_its_run() -> None:
    config = json.dumps(collapse(seed=5).to_dict())
    text = f'<script type="application/json" id="{KIND}">{config}</script>'
    assert settings_of(text) == Settings(runs=(collapse(seed=5),))


def test_settings_that_look_like_tags_come_back() -> None:
    config = collapse()
    config = RunConfig.from_dict(
        {**config.to_dict(), "evaluation": {"prompts": ["</script><b>x</b>"]}}
    )
    (back,) = settings_of(made(config)).runs
    assert back.evaluation.prompts == ("</script><b>x</b>",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<html></html>", "no lab report"),
        ("x" * (MOST_BYTES + 1), "larger than 1 MB"),
        (made().replace('{"lesson"', '{"lesson'), "damaged"),
        (made().replace('"runs": [', '"runs": [3, '), "got 3"),
        (made().replace('"lesson": "forgetting"', '"lesson": "alchemy"'), "lesson"),
        (re.sub(r'"steps": \d+', '"steps": -3', made()), "steps"),
    ],
)
def test_another_file_is_refused_with_a_sentence(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        settings_of(text)
