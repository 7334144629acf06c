"""A server where people log in with an account: nobody gets in before that, nor without its settings."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.classroom.classroom import Classroom
from core.errors import UserError
from core.paths import ROOT
from pages.shared import login, visitor
from tests.patience import PATIENCE_S

CLAIMS = {"is_logged_in": True, "iss": "https://login.school", "sub": "17", "name": "Mia"}


class User(dict[str, Any]):
    """As `st.user` gives it."""

    def to_dict(self) -> dict[str, Any]:
        return dict(self)


@pytest.fixture(autouse=True)
def wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    monkeypatch.setenv("TUNING_FORK_LOGIN", "1")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setattr(visitor, "classroom", Classroom)


def streamlit(monkeypatch: pytest.MonkeyPatch, user: dict[str, Any], secrets: Any) -> None:
    monkeypatch.setattr(login, "st", SimpleNamespace(user=User(user), secrets=secrets))


def test_who_has_logged_in_is_a_learner(monkeypatch: pytest.MonkeyPatch) -> None:
    streamlit(monkeypatch, CLAIMS, {"auth": {"cookie_secret": "a secret"}})
    assert login.is_logged_in()
    found = visitor.visitor()
    assert (found.role, found.name) == ("learner", "Mia")


def test_who_has_not_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    streamlit(monkeypatch, {"is_logged_in": False}, {"auth": {"cookie_secret": "a secret"}})
    assert not login.is_logged_in()
    with pytest.raises(UserError, match="Log in first"):
        visitor.visitor()


@pytest.mark.parametrize(
    "secrets", [{}, {"auth": {}}, {"auth": {"cookie_secret": ""}}, {"auth": 3}]
)
def test_without_its_settings_nobody_gets_in(
    monkeypatch: pytest.MonkeyPatch, secrets: dict[str, Any]
) -> None:
    streamlit(monkeypatch, CLAIMS, secrets)
    with pytest.raises(UserError, match=r"no section \[auth\]"):
        visitor.visitor()


def test_the_app_asks_to_log_in_and_shows_nothing_else() -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S)
    app.secrets["auth"] = {"cookie_secret": "a secret", "client_id": "x"}
    app.run()
    assert not app.exception
    assert [button.label for button in app.button] == ["Log in"]
    assert not app.sidebar.markdown
