"""Recorded runs that a page of the lab finds, planted by the test."""

from pathlib import Path

import pytest
import streamlit as st

from core.recorded import files
from tests.planted import Planted


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planted:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(files, "FOLDER", tmp_path / "recorded")
    st.cache_resource.clear()
    st.cache_data.clear()
    return Planted(tmp_path / "recorded")
