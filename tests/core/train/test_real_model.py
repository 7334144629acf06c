"""The main job on the real model: twenty steps of LoRA teach it sentiment."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from core.paths import ROOT, cache_dir
from core.runs.store import RunStore


@pytest.mark.slow
def test_twenty_lora_steps_teach_sentiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").symlink_to(cache_dir())  # the prepared model, but a run store of its own
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    command = "train --task sentiment --method lora --steps 20 --json"
    done = subprocess.run(
        [sys.executable, "-m", "core", *command.split()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    printed = [json.loads(line) for line in done.stdout.splitlines()]
    before, *_, after = [m for m in printed if m["type"] == "evaluation"]
    assert before["exact_match"] == 0  # the base model answers in sentences
    assert after["n"] == 48
    assert after["exact_match"] >= 0.85
    assert RunStore().get(printed[0]["run_id"]).status == "finished"
