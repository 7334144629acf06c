"""Every command refuses a prompt that is too long before torch is imported: one sentence, at once, in little memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.core.runs.test_inference_session import finished

LONG = "word " * 16_000
RUN_ALL = """
import contextlib, io, json, sys, time
from core.cli.main import main
from core.memory import peak_memory_mb

for words in json.load(sys.stdin):
    errors, start = io.StringIO(), time.process_time()
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        status = main(words)
    found = {"status": status, "said": errors.getvalue(), "seconds": time.process_time() - start}
    found["torch"] = "torch" in sys.modules
    found["peak_mb"] = peak_memory_mb()
    print(json.dumps(found))
"""


def commands(model: str, run: str, pairs: Path) -> dict[str, list[str]]:
    """Each way to have a prompt answered or trained on."""
    asked = ["generate", "--model", model, "--prompt", LONG]
    scored = ["evaluate", "--base", "--model", model]
    trained = ["train", "--model", model]
    return {
        "generate": asked,
        "raw": [*asked, "--raw"],
        "next tokens": [*asked, "--next-tokens"],
        "a run": ["generate", "--adapter", run, "--prompt", LONG],
        "merge": ["inspect", "merge", "--run", run, "--prompt", "cat", "--prompt", LONG],
        "take away": ["inspect", "take-away", "--run", run, "--prompt", LONG],
        "a template": [*scored, "--task", "sentiment", "--template", f"{LONG} {{text}}"],
        "a test file": [*scored, "--data", str(pairs)],
        "a run on a file": ["evaluate", "--run", run, "--data", str(pairs)],
        "training pairs": [*trained, "--data", str(pairs)],
        "a training template": [*trained, "--task", "names", "--template", f"{LONG} {{text}}"],
        "a watched prompt": [*trained, "--watch", LONG],
    }


@pytest.mark.thorough
def test_a_long_prompt_is_refused_without_torch(roomy: str, home: Path) -> None:
    pairs = home / "pairs.jsonl"
    rows = [{"prompt": f"cat {n}", "completion": "yes"} for n in range(20)]
    rows[7]["prompt"] = LONG
    pairs.write_text("".join(json.dumps(row) + "\n" for row in rows))
    tried = commands(roomy, finished(Path(roomy)), pairs)
    done = subprocess.run(
        [sys.executable, "-c", RUN_ALL],
        input=json.dumps(list(tried.values())),
        capture_output=True,
        text=True,
        check=True,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    for what, one in zip(tried, found, strict=True):
        lines = [line for line in one["said"].splitlines() if line.startswith("error: ")]
        assert (one["status"], len(lines)) == (2, 1), (what, one)
        assert "tokens" in lines[0] or "characters" in lines[0], (what, one)
        assert len(lines[0]) < 1000, (what, one)
        assert not one["torch"], what
        others_s = sum(other["seconds"] for other in found if other is not one)
        # The longest takes about as long as all others together; once it took 22 s of a fast machine, where now it is one.
        assert one["seconds"] < 5 * others_s, (what, one)
    assert found[-1]["peak_mb"] < 1_500
