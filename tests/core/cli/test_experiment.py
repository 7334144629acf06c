"""The command experiment: what it refuses to record."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.cli import experiment, prompting
from core.cli.main import main
from core.models import acquire
from core.quiet import Reading, Watch


def busy() -> Watch:
    """Of a machine on which another program takes one of two processors."""
    first = Reading(at_s=0.0, busy_s=0.0, own_s=0.0, steal_s=0.0, load=1.0, n_cores=2)
    readings = [first, replace(first, at_s=5.0, busy_s=5.0)]
    return Watch(reader=lambda: readings.pop(0), wait=lambda seconds: None)


@pytest.mark.parametrize("name", ["cures", "methods", "mixtures", "prompting", "sweep"])
def test_no_experiment_is_recorded_on_a_busy_machine(
    name: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(acquire, "is_ready", lambda model: True)
    for module in (experiment, prompting):
        monkeypatch.setattr(module, "Watch", busy)
    target = home / "record.json"
    assert main(["experiment", name, "--record", str(target)]) == 2
    said = capsys.readouterr().err
    assert "Nothing was recorded. Other programs used 50 % of the processors" in said
    assert not target.exists()
