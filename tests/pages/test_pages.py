"""Every page runs without an error, says what to do while there is no model, and needs no torch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.lessons.instruction.stepping import FORWARD, source_of
from tests.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]


def name_of(page: str) -> str:
    """The lesson or page that a script is of: the name of its folder."""
    return Path(page).parent.name


PAGES = sorted(str(p) for p in (ROOT / "pages").rglob("page.py"))


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import streamlit as st

    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    st.cache_resource.clear()
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page_opens_before_the_model_is_there(page: str, empty_home: Path) -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S).run()
    app.run()  # only then does Streamlit know the pages' addresses; before, it would open home
    app.switch_page(str(Path(page).relative_to(ROOT))).run()
    assert not app.exception
    assert (app.title[0].value == "Tuning Fork") == (name_of(page) == "home")
    if "lab" not in page:
        assert any("Prepare the model" in b.label for b in app.button)


@pytest.mark.thorough
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_opens_though_its_address_leaves_all_values_empty(
    page: str, empty_home: Path
) -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S).run()
    app.run()
    app.switch_page(str(Path(page).relative_to(ROOT))).run()
    keys = [key for one in app.main if (key := getattr(one, "key", None))]
    empty = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S).run()
    empty.run()
    for key in keys:
        empty.query_params[key] = ""
    empty.switch_page(str(Path(page).relative_to(ROOT))).run()
    assert not empty.exception


def test_a_choice_that_must_be_made_is_made_in_one_way() -> None:
    """Streamlit's own gives None for an empty value in the address."""
    own = [p for p in (ROOT / "pages").rglob("*.py") if p.name != "one_of.py"]
    assert [p.name for p in own if "required=True" in p.read_text("utf-8")] == []


def test_files_directly_in_pages_would_bypass_the_app() -> None:
    assert [p.name for p in (ROOT / "pages").glob("*.py")] == ["__init__.py"]


@pytest.mark.thorough
def test_web_process_never_imports_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from streamlit.testing.v1 import AppTest\n"
        "app = AppTest.from_file('app.py', default_timeout=300).run()\n"
        f"for page in {[str(Path(p).relative_to(ROOT)) for p in PAGES]!r}:\n"
        "    assert not app.switch_page(page).run().exception\n"
        "bad = {'torch', 'transformers', 'peft'} & set(sys.modules)\n"
        "assert not bad, bad"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"TUNING_FORK_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_lesson_two_shows_the_loop_that_runs() -> None:
    shown = source_of("core/train/loop.py", "take_step")
    assert shown.startswith("def take_step(")
    assert "loss.backward()" in shown
    assert shown.endswith("return loss.item(), penalty, grad_norm.item()")
    with pytest.raises(LookupError, match="no function make_tea"):
        source_of("core/train/loop.py", "make_tea")


def test_lesson_two_shows_the_forward_pass_of_a_tree() -> None:
    shown = source_of("core/models/forward.py", *FORWARD)
    assert shown.startswith("def tree_logits(")
    assert all(f"def {name}(" in shown for name in FORWARD)
    code = [line for line in shown.splitlines() if line.strip()]
    assert len(code) <= 90  # docstrings and signatures included: it is there to be read
