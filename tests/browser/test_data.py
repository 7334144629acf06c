"""Editing and uploading pairs in Chromium: what is wrong is said, what is right is kept."""

import re
from contextlib import suppress

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def open_own_pairs(page: Page, app: str) -> None:
    page.goto(f"{app}/instruction?instruction_task=Your own pairs")
    expect(page.get_by_test_id("stFileUploader").first).to_be_visible()


def upload(page: Page, name: str, content: bytes) -> None:
    page.locator("input[type=file]").first.set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    )


def pairs(n: int) -> bytes:
    lines = [f'{{"prompt": "What is {i} plus 1?", "completion": "{i + 1}"}}' for i in range(n)]
    return "\n".join(lines).encode()


def test_uploaded_pairs_stay_after_a_reload(app: str, page: Page) -> None:
    open_own_pairs(page, app)
    upload(page, "sums.jsonl", pairs(30))
    expect(page.get_by_text("Training pairs", exact=True)).to_be_visible()
    expect(page.get_by_text("{prompt}").first).to_be_visible()
    assert "dataset=" in page.url
    page.reload()
    expect(page.get_by_text(re.compile(r"What is \d+ plus 1\?")).first).to_be_visible()
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible()


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("bad.jsonl", pairs(3) + b"\n{not json", "line 4"),
        ("empty.jsonl", b"", "empty"),
        ("bytes.csv", b"\xff\xfe\x00prompt", "UTF-8"),
        ("columns.csv", b"title,body\na,b\n", "choose the columns"),
        ("nan.csv", b"prompt,completion\na,b\nc,nan\n", "line 3"),
    ],
)
def test_unusable_file_gets_one_sentence(
    name: str, content: bytes, sentence: str, app: str, page: Page
) -> None:
    open_own_pairs(page, app)
    upload(page, name, content)
    expect(page.get_by_test_id("stAlert")).to_contain_text(re.compile(sentence, re.IGNORECASE))
    expect(page.get_by_test_id("stFileUploader").first).to_be_visible()


def test_edited_pairs_become_a_dataset_of_their_own(app: str, page: Page) -> None:
    page.goto(f"{app}/instruction?instruction_task=Names")
    page.get_by_text("Browse and edit the training pairs").click()
    expect(page.get_by_test_id("stSelectbox").first.locator("input")).to_have_value("Names")
    page.get_by_role("button", name="Use my edited pairs").click()
    expect(page.get_by_test_id("stSelectbox").first.locator("input")).to_have_value(
        "Your own pairs"
    )
    expect(page.get_by_text("{prompt}").first).to_be_visible()
    assert "dataset=" in page.url


def change_first_completion(page: Page, text: str) -> None:
    """Type into the table as a reader does: a click on the cell, Enter, the text, Enter.

    Not faster than fingers: the grid loses an edit whose Enter comes right after its last letter.
    """
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    page.wait_for_timeout(1000)  # a table that was just redrawn takes no click yet
    table = page.get_by_test_id("stDataFrame").filter(visible=True).last
    field = page.locator("#portal textarea")
    for _ in range(5):  # one that is being redrawn loses a click, and a reader clicks again
        table.hover()  # waits until it stands still
        box = table.bounding_box()
        assert box
        table.click(position={"x": 0.8 * box["width"], "y": 52})  # below the header
        page.wait_for_timeout(500)
        if not field.count():  # the second click on a cell opens it, where Enter would close it
            page.keyboard.press("Enter")
        with suppress(AssertionError):
            expect(field).to_be_focused()
            break
    expect(field).to_be_focused()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(text, delay=60)
    expect(field).to_have_value(text)
    page.wait_for_timeout(500)
    page.keyboard.press("Enter")


def test_an_edit_wins_over_the_file_and_survives_a_reload(app: str, page: Page) -> None:
    open_own_pairs(page, app)
    upload(page, "sums.jsonl", pairs(30))
    expect(page.get_by_text("Training pairs", exact=True)).to_be_visible()
    page.get_by_text("Browse and edit the training pairs").click()
    preview = page.get_by_label("The pair token by token")
    for text in ("ninety", "a hundred"):
        before = page.url
        change_first_completion(page, text)
        expect(page).not_to_have_url(before)
        expect(page.get_by_text("Your edited pairs are in use")).to_be_visible()
        expect(preview).to_contain_text(text)
    page.reload()
    expect(preview).to_contain_text("a hundred")
    values = page.get_by_test_id("stMetricValue")
    expect(values.nth(0)).to_have_text("22")
    expect(values.nth(1)).to_have_text("2")
    expect(values.nth(2)).to_have_text("6")
