"""A prepared link opens its page with its settings; what it locks stays, and a forged one is said to be so."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.classroom.classroom import Classroom
from core.classroom.links import Link, address_of
from core.config import method_title
from core.experiments.collapse import collapse
from core.recorded import find
from core.visitor import OWNER
from tests.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.thorough
LINK = Link(
    page="forgetting",
    settings={"forgetting_steps": ["40"], "forgetting_method": [method_title("lora")]},
    locked=("forgetting_steps", "forgetting_seed"),
    hidden=("forgetting_method",),
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    st.cache_resource.clear()


def opened(page: str, **address: str | list[str]) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S).run()
    for name, value in address.items():
        app.query_params[name] = value
    if page:
        app.switch_page(f"pages/{page}/page.py")
    app.run()
    assert not app.exception
    return app


def signed(link: Link) -> str:
    return parse_qs(urlsplit(address_of(link)).query)["link"][0]


def said(app: AppTest) -> str:
    return "\n".join(one.value for one in (*app.main.markdown, *app.main.caption, *app.warning))


def test_a_signed_link_sets_and_keeps() -> None:
    app = opened("lessons/forgetting", link=signed(LINK))
    assert app.number_input(key="forgetting_steps").value == 40
    assert "Set by your teacher: steps 40, seed" in said(app)
    styles = " ".join(one.proto.body for one in app.get("html"))
    assert ".st-key-forgetting_method { display: none; }" in styles
    assert app.segmented_control(key="forgetting_method").value == "lora"
    # A browser that was tampered with sends other values: they do not count.
    app.number_input(key="forgetting_steps").set_value(500)
    app.number_input(key="forgetting_seed").set_value(9)
    app.run()
    assert not app.exception
    assert app.number_input(key="forgetting_steps").value == 40
    assert app.number_input(key="forgetting_seed").value == 0
    app.run()
    assert app.number_input(key="forgetting_steps").value == 40


def test_what_a_link_leaves_free_can_be_turned() -> None:
    app = opened(
        "lessons/forgetting", link=signed(Link(page="forgetting", locked=("forgetting_seed",)))
    )
    app.number_input(key="forgetting_steps").set_value(33).run()
    assert app.number_input(key="forgetting_steps").value == 33


@pytest.mark.parametrize("forged", ["x", "e30.e30", "cut"])
def test_a_forged_link_is_said_and_the_page_opens_as_always(forged: str) -> None:
    token = signed(LINK)[:-4] if forged == "cut" else forged
    app = opened("lessons/forgetting", link=token, forgetting_steps="77")
    assert "This link was changed after it was made" in said(app)
    assert app.number_input(key="forgetting_steps").value == 20
    assert app.title[0].value == "Catastrophic forgetting"
    app.run()
    assert "This link was changed" not in said(app)  # once is enough


def test_a_short_link_leads_to_its_page_from_home() -> None:
    code = Classroom().short_links.shorten(OWNER, LINK)
    app = opened("", l=code.upper())
    assert app.title[0].value == "Catastrophic forgetting"
    assert app.number_input(key="forgetting_steps").value == 40
    assert "no short link" in said(opened("", l="zzzz"))


def test_a_plain_link_goes_on_as_before() -> None:
    app = opened("lessons/forgetting", forgetting_steps="40")
    assert app.number_input(key="forgetting_steps").value == 40
    assert "Set by your teacher" not in said(app)


def test_a_recorded_run_in_the_address_sets_the_controls_and_is_played() -> None:
    recorded = find(collapse(method="full", rate=2e-5, steps=20, seed=1))
    assert recorded
    app = opened("lessons/forgetting", run=recorded.run_id)
    assert app.number_input(key="forgetting_seed").value == 1
    assert app.select_slider(key="forgetting_rate_full").value == 2e-5
    assert "A recorded run" in said(app)
    assert "not on this machine" not in said(app)
