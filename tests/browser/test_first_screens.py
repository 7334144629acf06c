"""What a reader sees without scrolling: Run before anything is run, the finding after it.

The runs are records, written into the store that the app reads; nothing is trained here.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from core.config import MethodConfig, RunConfig
from core.experiments.adapters import adapter_config
from core.experiments.collapse import WATCHED, collapse
from core.experiments.first_screens import instruction_config
from core.experiments.methods import method_config
from core.experiments.mitigations import mitigation_config
from core.experiments.mixtures import TRAINED, mixture_config
from core.experiments.ranks import rank_config
from core.experiments.soft_prompts import prompt_config
from core.experiments.watching import watched_config
from core.runs.store import RunStore
from tests.browser.conftest import PATIENCE_MS
from tests.pages.test_any_run import keep

pytestmark = pytest.mark.browser
SCREENS: tuple[ViewportSize, ...] = (
    {"width": 1024, "height": 768},  # the smallest a lesson is made for
    {"width": 1440, "height": 900},
)
RUN = {
    "instruction": "Run",
    "forgetting": "Run",
    "cures": "Run this cure",
    "multitask": "Run",
    "peft": "Run this method",
    "lora": "Train this LoRA",
    "soft": "Train the soft prompt",
}
"""The button of each lesson that trains, as it is before anything was run."""
FINDINGS: dict[str, tuple[str, RunConfig, Callable[[Page], Locator]]] = {
    "instruction": ("run", instruction_config(), lambda page: page.locator(".answers").first),
    "forgetting": (
        "run",
        collapse(),
        lambda page: page.locator(".answers > div", has_text=WATCHED[0]),
    ),
    "cures": (
        "run",
        mitigation_config("rehearse", 0.25),
        lambda page: page.locator(".st-key-cures_two_points"),
    ),
    "multitask": (
        "mix",
        mixture_config(TRAINED),
        lambda page: page.get_by_text("mean scores: tasks trained on"),
    ),
    "peft": ("run", method_config("ia3"), lambda page: page.locator(".answers").first),
    "lora": (
        "run",
        rank_config(MethodConfig(), rate=1e-3, seed=0),
        lambda page: page.get_by_test_id("stVegaLiteChart").first,
    ),
    "soft": (
        "run",
        prompt_config(10),
        lambda page: page.get_by_text(re.compile("Step [0-9]+: sentiment")),
    ),
    "evaluation": (
        "run",
        watched_config("sentiment", seed=0),
        lambda page: page.get_by_test_id("stVegaLiteChart").first,
    ),
}
"""The name in the address, the run, and where its finding stands."""


@pytest.fixture
def screen(chromium: Browser):
    context = chromium.new_context(viewport=SCREENS[0])
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def is_on_first_screen(page: Page, what: Locator) -> None:
    """At both sizes of the screen, from one load of the page."""
    expect(what).to_be_visible()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    for size in SCREENS:
        page.set_viewport_size(size)
        expect(what).to_be_in_viewport(ratio=0.99)


@pytest.mark.parametrize("lesson", RUN)
def test_run_can_be_pressed_without_scrolling(app: str, screen: Page, lesson: str) -> None:
    screen.goto(f"{app}/{lesson}")
    is_on_first_screen(screen, screen.get_by_role("button", name=RUN[lesson], exact=True))


@pytest.mark.parametrize("lesson", FINDINGS)
def test_the_finding_of_a_run_is_on_the_first_screen(
    app: str,
    prepared_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    screen: Page,
    lesson: str,
) -> None:
    name, config, finding = FINDINGS[lesson]
    monkeypatch.setenv("TUNING_FORK_HOME", str(prepared_home))
    run_id = keep(RunStore(), config, "finished")
    screen.goto(f"{app}/{lesson}?{name}={run_id}")
    is_on_first_screen(screen, finding(screen))
    screen.set_viewport_size({"width": 1440, "height": 900})
    screen.wait_for_timeout(500)  # charts are drawn anew
    is_on_first_screen(screen, finding(screen))
    RunStore().delete(run_id)


def test_a_wrong_and_a_right_answer_with_their_equal_scores(app: str, screen: Page) -> None:
    screen.goto(f"{app}/evaluation")
    is_on_first_screen(screen, screen.get_by_text("A wrong answer", exact=True))
    is_on_first_screen(screen, screen.get_by_text("n = 3: three in a row"))


def test_what_requests_cost_either_way_follows_the_slider(app: str, screen: Page) -> None:
    screen.goto(f"{app}/choice?choice_requests=30")
    is_on_first_screen(screen, screen.get_by_text(re.compile("^30 requests: .* costs less")))
    is_on_first_screen(screen, screen.locator(".st-key-choice_first"))
    screen.get_by_role("slider").first.press("End")
    is_on_first_screen(screen, screen.get_by_text(re.compile("^1,000,000 requests: ")))


def test_answers_of_base_and_adapters_stand_beside_the_switch(
    app: str, prepared_home: Path, monkeypatch: pytest.MonkeyPatch, screen: Page
) -> None:
    screen.goto(f"{app}/base")  # before any click, from the record
    for who in ("Base model (recorded)", "Sentiment (recorded)", "Names (recorded)"):
        lines = screen.locator(".answers > div > div", has_text=who)
        expect(lines).to_have_count(2)
        for n in range(2):
            is_on_first_screen(screen, lines.nth(n))
    monkeypatch.setenv("TUNING_FORK_HOME", str(prepared_home))
    store = RunStore()
    kept = [keep(store, adapter_config(task), "finished") for task in ("sentiment", "names")]
    for run_id in kept:
        store.artifact_dir(run_id).mkdir(parents=True)
        (store.artifact_dir(run_id) / "adapter").write_bytes(bytes(1_843_200))
    screen.goto(f"{app}/base")
    expect(screen.locator(".answers").get_by_text("Sentiment (recorded)")).to_have_count(2)
    expect(screen.get_by_text("3 copies")).to_have_count(0)  # it would tell what is to be guessed
    screen.get_by_role("button", name="Show me").click()
    expect(screen.get_by_text("3 copies")).to_be_attached()
    screen.get_by_test_id("stMain").evaluate("main => main.scrollTo(0, 0)")
    is_on_first_screen(screen, screen.get_by_text("3 copies 807 MB, base + 3 adapters 275 MB"))
    is_on_first_screen(screen, screen.get_by_role("button", name="Ask all of them"))
    for run_id in kept:
        store.delete(run_id)


def test_three_answers_to_one_review_stand_side_by_side(app: str, screen: Page) -> None:
    screen.goto(f"{app}/before")
    for title in ("1 · Raw completion", "2 · Its makers’ instruction tuning", "3 · Our tuning"):
        is_on_first_screen(screen, screen.get_by_text(title))
    answers = screen.locator(".said")
    expect(answers).to_have_count(2)  # the first is to be guessed
    is_on_first_screen(screen, screen.get_by_role("button", name="Show me"))
    screen.get_by_role("button", name="Show me").click()
    expect(answers).to_have_count(3)
    expect(answers.first).to_be_visible()
    for n in range(3):
        is_on_first_screen(screen, answers.nth(n))


@pytest.mark.parametrize("lesson", ["forgetting", "peft"])
def test_on_a_phone_the_result_stands_below_run(app: str, chromium: Browser, lesson: str) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{app}/{lesson}")
    run = page.get_by_role("button", name=RUN[lesson], exact=True)
    columns = page.get_by_test_id("stColumn")
    expect(run).to_be_visible()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    left, right = columns.nth(0).bounding_box(), columns.nth(1).bounding_box()
    assert left
    assert right
    assert right["y"] >= left["y"] + left["height"]
    context.close()


def test_a_rate_in_an_older_link_is_kept(app: str, screen: Page) -> None:
    screen.goto(f"{app}/forgetting?forgetting_rate_full=2e-05")
    expect(screen.get_by_text("15 times smaller than the usual 0.0003.")).to_be_visible()
