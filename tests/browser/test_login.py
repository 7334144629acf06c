"""A server with accounts, in Chromium, beside a real OpenID Connect provider: a learner and a teacher log in."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import free_port, running_app

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (find_spec("authlib") and find_spec("oidc_provider_mock")),
        reason="needs streamlit[auth] and oidc-provider-mock",
    ),
]
SECRETS = """
[auth]
redirect_uri = "http://localhost:{port}/oauth2callback"
cookie_secret = "a long random text"
client_id = "tuning-fork"
client_secret = "secret"
server_metadata_url = "http://localhost:{provider}/.well-known/openid-configuration"
"""


@pytest.fixture
def app_with_accounts(tmp_path: Path) -> Iterator[str]:
    """Its address; the provider knows a learner and a teacher."""
    from oidc_provider_mock import User, run_server_in_thread  # pyright: ignore

    people = [
        User(sub="mia", claims={"name": "Mia"}),
        User(sub="lind", claims={"name": "Ms Lind", "roles": ["teacher"]}),
    ]
    port = free_port()
    with run_server_in_thread(user_claims=people) as provider:
        secrets = tmp_path / "secrets.toml"
        secrets.write_text(SECRETS.format(port=port, provider=provider.server_port))
        with running_app(
            tmp_path,
            f"--secrets.files={secrets}",
            port=port,
            TUNING_FORK_LOGIN="1",
            TUNING_FORK_TEACHER_CLAIM="roles=teacher",
        ) as address:
            yield address


def log_in(chromium: Browser, address: str, who: str, page: str = "") -> Page:
    found = chromium.new_context(viewport={"width": 1440, "height": 1000}).new_page()
    found.goto(f"{address}/{page}")
    found.get_by_role("button", name="Log in").click()
    found.get_by_role("button", name=who, exact=True).click()
    expect(found.get_by_role("button", name="Log out")).to_be_visible()
    return found


def test_people_log_in_and_a_claim_makes_the_teacher(
    app_with_accounts: str, chromium: Browser
) -> None:
    learner = log_in(chromium, app_with_accounts, "mia")
    expect(learner.get_by_text("Mia").first).to_be_visible()
    teacher = log_in(chromium, app_with_accounts, "lind")
    for one, n in ((learner, 0), (teacher, 1)):
        link = one.get_by_test_id("stMain").get_by_role("link", name="Classroom", exact=True)
        expect(link).to_have_count(n)
    link.click()
    expect(teacher.get_by_text("Learners log in with their account")).to_be_visible()
    expect(teacher.get_by_text("1 joined")).to_be_visible()
    expect(teacher.get_by_text("Mia", exact=True)).to_be_visible()
    learner.get_by_role("button", name="Log out").click()
    learner.get_by_role("button", name="End session").click()  # the provider asks, and sends back
    expect(learner.get_by_role("button", name="Log in")).to_be_visible()
    expect(learner.get_by_role("link", name="Catastrophic forgetting")).to_have_count(0)
    for one in (learner, teacher):
        one.context.close()
