"""Data that do not fit are refused before a model is loaded: every line named, whatever the seed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core import catalog
from core.config import DataConfig, EvaluationConfig, MitigationConfig, OptimizerConfig, RunConfig
from core.data import uploads
from core.data.example import Example
from core.data.lengths import Long, check_test_pairs, long_pairs
from core.data.run_data import load_run_data
from core.errors import UserError
from core.models.load import LoadedModel
from core.paths import ROOT
from core.runs.store import RunStore
from tests.patience import PATIENCE_S

PAIRS = [{"prompt": f"cat {n}", "completion": "dog"} for n in range(12)]


def run(records: list[dict[str, str]], *, seed: int = 0, **parts: Any) -> RunConfig:
    source = uploads.Source(name="cats.csv", lines=[n + 2 for n in range(len(records))])
    data = DataConfig(task=catalog.CUSTOM_TASK, dataset=uploads.keep(records, source))
    return RunConfig(data=data, seed=seed, **parts)


def refused(config: RunConfig, tiny: LoadedModel) -> str:
    with pytest.raises(UserError) as error:
        load_run_data(config, tiny.tokenizer)
    return str(error.value)


@pytest.mark.thorough
def test_one_long_pair_gets_one_sentence_for_every_seed(home: Path, tiny: LoadedModel) -> None:
    """Only training pairs were checked: a long test pair cost minutes and 5 GB."""
    records = [*PAIRS[:11], {"prompt": "Sum up: " + "word " * 6_000, "completion": "x"}]
    found = {refused(run(records, seed=seed), tiny) for seed in range(12)}
    few = run(records)
    data = DataConfig(task="custom", dataset=few.data.dataset, train_examples=1)
    found |= {refused(RunConfig(data=data, seed=seed), tiny) for seed in range(12)}
    (sentence,) = found
    assert sentence.startswith("cats.csv: 1 line over the limit of 256 tokens for prompt and")
    assert "line 13 (" in sentence
    assert sentence.endswith("Shorten it or remove it.")


def test_all_long_lines_are_named_at_once(home: Path, tiny: LoadedModel) -> None:
    long = [{"prompt": f"{n} " + "~" * 300, "completion": "x"} for n in range(15)]
    sentence = refused(run([*PAIRS, *long]), tiny)
    assert "15 lines over the limit of 256 tokens" in sentence
    assert "line 14 (" in sentence
    assert "line 23 (" in sentence
    assert "line 24 (" not in sentence
    assert "and 5 more. Shorten them or remove them." in sentence


def test_a_prompt_leaves_room_for_the_longest_answer(home: Path, tiny: LoadedModel) -> None:
    """Each pair fits, but an answer of 100 tokens does not fit behind a prompt of 200."""
    records = [*PAIRS, {"prompt": "~" * 200, "completion": "x"}]
    load_run_data(run(records), tiny.tokenizer)
    sentence = refused(run([*records, {"prompt": "b", "completion": "~" * 100}]), tiny)
    assert "1 line over the limit of 155 tokens for a prompt that needs 101 more" in sentence
    assert "line 14 (" in sentence


def test_other_tasks_and_watched_prompts_are_checked(home: Path, tiny: LoadedModel) -> None:
    other = run(PAIRS, evaluation=EvaluationConfig(tasks=("summary",)))
    assert "The test of the task summary: " in refused(other, tiny)
    watched = run(PAIRS, evaluation=EvaluationConfig(prompts=("a", "~" * 300)))
    assert "Watched prompts: 1 prompt over the limit of 240 tokens" in refused(watched, tiny)
    assert "prompt 2 (" in refused(watched, tiny)
    rehearsed = run(PAIRS, cure=MitigationConfig(rehearse="summary", rehearse_share=0.5))
    assert "The rehearsed task summary: " in refused(rehearsed, tiny)
    assert "The task summary: " in refused(RunConfig(data=DataConfig(task="summary")), tiny)


def test_patience_wants_validation_pairs(home: Path, tiny: LoadedModel) -> None:
    """A run with patience and nothing to watch ended in an error of its own, or never stopped."""
    early = OptimizerConfig(patience=2)
    assert "Stopping early watches" in refused(run(PAIRS[:4], optimizer=early), tiny)
    none = DataConfig(task="custom", dataset=run(PAIRS).data.dataset, validation_share=0.0)
    assert "Stopping early watches" in refused(RunConfig(data=none, optimizer=early), tiny)
    load_run_data(run(PAIRS, optimizer=early), tiny.tokenizer)


def test_test_pairs_alone(tiny: LoadedModel) -> None:
    pairs = [Example(prompt="~" * 220, completion="x", number=7)]
    check_test_pairs(pairs, tiny.tokenizer, what="t.csv", word="line")
    pairs.append(Example(prompt="a", completion="~" * 60, number=9))
    with pytest.raises(UserError, match=r"t\.csv: 1 line over .* needs 61 more .*: line 7 \("):
        check_test_pairs(pairs, tiny.tokenizer, what="t.csv", word="line")
    pairs.append(Example(prompt="a", completion="~" * 256, number=11))
    with pytest.raises(UserError, match="the longest right answer is 257 tokens"):
        check_test_pairs(pairs, tiny.tokenizer, what="t.csv", word="line")


def test_a_text_that_is_not_read_to_its_end_is_too_long(tiny: LoadedModel) -> None:
    """A token of this tokenizer may be many characters, so the part that is read may be short enough."""
    pairs = [Example(prompt="a", completion="b" * 200_000, number=3)]
    assert long_pairs(pairs, tiny.tokenizer)[0].is_more
    with pytest.raises(UserError, match=r"the longest right answer is"):
        check_test_pairs(pairs, tiny.tokenizer, what="t.csv", word="line")
    pairs = [Example(prompt="~" * 200_000, completion="b", number=3)]
    with pytest.raises(UserError, match=r"line 3 \(more than 100,0\d\d tokens\)"):
        check_test_pairs(pairs, tiny.tokenizer, what="t.csv", word="line")


@pytest.mark.thorough
@pytest.mark.parametrize("text", ["~", "é", "日本", "🎼", "the cat ", "<|im_end|>"])
def test_the_quick_look_misses_no_long_pair(text: str, tiny: LoadedModel) -> None:
    for n in range(1, 300, 7):
        e = Example(prompt=text * n, completion=text, number=n)
        tokens = len(tiny.tokenizer.ask(e.prompt)) + len(tiny.tokenizer.encode(text)) + 1
        assert long_pairs([e], tiny.tokenizer) == ([Long(n, tokens)] if tokens > 256 else [])


@pytest.mark.thorough
@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_the_command_line_refuses_before_it_loads_anything(
    command: str, home: Path, tiny_folder: Path
) -> None:
    """No torch, no run in the store, status 2."""
    file = home / "long.jsonl"
    records = [*PAIRS[:11], {"prompt": "~" * 9_000, "completion": "x"}]
    file.write_text("\n".join(map(json.dumps, records)))
    arguments = [command, "--model", str(tiny_folder), "--data", str(file)]
    arguments += ["--base"] if command == "evaluate" else []
    code = (
        "import sys; from core.cli.main import main\n"
        f"status = main({arguments!r})\n"
        "assert 'torch' not in sys.modules; sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == 2, done.stderr
    assert "long.jsonl: 1 line over the limit of" in done.stderr
    assert "line 12 (" in done.stderr
    assert RunStore().runs() == []
