from pathlib import Path

import pytest

from tests.planted import Planted


@pytest.fixture
def planted(tmp_path: Path) -> Planted:
    """Recorded runs in the folder `tmp_path`."""
    return Planted(tmp_path)
