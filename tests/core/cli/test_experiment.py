"""The command experiment: what it refuses."""

from pathlib import Path

import pytest

from core.cli.main import main


@pytest.mark.parametrize("name", ["cures", "methods", "mixtures", "prompting", "sweep"])
def test_recorded_runs_have_a_command_of_their_own(
    name: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = home / "record.json"
    assert main(["experiment", name, "--record", str(target)]) == 2
    said = capsys.readouterr().err
    assert "--record goes with first_screens and adapters only" in said
    assert "python -m core record" in said
    assert not target.exists()
