"""The one list of lessons, and what must agree with it."""

import re
from pathlib import Path

import pytest

from core.course.lessons import LAB, LESSONS, as_markdown, name_of, number_of
from core.paths import ROOT


def folders(path: Path) -> set[str]:
    return {page.parent.name for page in path.glob("*/page.py")}


def test_every_page_has_its_folder() -> None:
    assert folders(ROOT / "pages/lessons") == {page.id for page in LESSONS}
    assert folders(ROOT / "pages/lab") == {page.id for page in LAB}


def test_links_that_were_given_out_stay() -> None:
    paths = " ".join(page.url_path for page in (*LESSONS, *LAB))
    assert len(set(paths.split())) == len(paths.split())
    links = "before instruction forgetting cures multitask peft lora soft base evaluation choice"
    assert set(paths.split()) >= {*links.split(), "runs", "speed"}


def test_numbers_follow_the_order() -> None:
    assert [number_of(page.id) for page in LESSONS] == list(range(1, len(LESSONS) + 1))
    assert name_of("forgetting") == f"Lesson {number_of('forgetting')}"
    with pytest.raises(ValueError, match="alchemy"):
        number_of("alchemy")


def test_the_readme_lists_the_same_lessons() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    wanted = as_markdown(with_links=False)
    assert " ".join(wanted.split()) in " ".join(readme.split()), (
        f"README's list should be:\n{wanted}"
    )


def test_links_lead_to_the_pages() -> None:
    found = re.findall(r"\*\*\[(.+?)\]\(([\w-]+)\)\.?\*\*", as_markdown(with_links=True))
    assert found == [(page.title, page.url_path) for page in (*LESSONS, *LAB)]
    of_learners = as_markdown(with_links=True, for_learner=True)
    missing = {page.url_path for page in LAB if f"({page.url_path})" not in of_learners}
    assert missing == {page.url_path for page in LAB if page.for_teachers} != set()


def test_no_lesson_s_number_is_typed() -> None:
    """It would be wrong once a lesson is put before it."""
    sources = [path for folder in ("core", "pages") for path in (ROOT / folder).rglob("*.py")]
    numbered = [p for p in sources if re.search(r"\b[Ll]essons? \d", p.read_text("utf-8"))]
    assert numbered == [ROOT / "core/course/lessons.py"]


def test_a_page_bears_its_title() -> None:
    for kind, pages in (("lessons", LESSONS), ("lab", LAB)):
        for page in pages:
            source = (ROOT / "pages" / kind / page.id / "page.py").read_text("utf-8")
            wanted = "begin(COURSE)" if kind == "lessons" else f'st.title("{page.title}")'
            assert f"\n{wanted}\n" in source
            assert source.count("st.title(") == (kind == "lab")
