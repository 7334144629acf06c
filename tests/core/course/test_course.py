"""The course as it is written, and what its check finds."""

import json
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from core.cli.main import main
from core.course.check import check, is_below
from core.course.content import DATA, FOLDER, TEXT, lesson, lessons
from core.course.figures import Figure
from core.course.kit import write_kit
from core.course.lessons import LESSONS
from core.course.predictions import Chosen, Drawn
from core.errors import UserError


def test_every_lesson_is_whole() -> None:
    found = {one.lesson: list(one.problems) for one in check()}
    assert found == {name: [] for name in (*(p.id for p in LESSONS), "glossary", "before_after")}


def test_each_lesson_predicts_and_asks_enough() -> None:
    for one in lessons():
        assert any(isinstance(p, Chosen) for p in one.predictions), one.id
        assert any(isinstance(p, Drawn) for p in one.predictions), one.id
        assert len(one.questions) >= 3, one.id
        assert one.goals, one.id
        assert 10 <= one.teaching.minutes <= 45, one.id


def test_a_right_answer_does_not_show_by_its_place() -> None:
    asked = [
        q for one in lessons() for q in (*one.questions, *(p.question for p in one.predictions))
    ]
    places = Counter(question.mixed.index(question.right) for question in asked)
    assert all(places[n] > len(asked) / 6 for n in range(3)), places
    assert all(q.mixed == q.mixed and set(q.mixed) == set(q.answers) for q in asked)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A course of ours that a test may spoil."""
    to = tmp_path / "course"
    shutil.copytree(FOLDER, to)
    return to


def spoil(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / "forgetting" / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (TEXT, "{{textbook.names.before}}", "0.79", "'0.79' is typed"),
        (
            TEXT,
            "{{textbook.names.before}}",
            "{{textbook.topic.before}}",
            "'topic.before' is not measured",
        ),
        (TEXT, "{{textbook.names.before}}", "{{nobody.names.before}}", "cites 'nobody'"),
        (TEXT, "(lesson:cures)", "(lesson:curses)", "There is no lesson 'curses'"),
        (TEXT, "# take_away", "# takeaway", "has a section 'takeaway'"),
        (TEXT, "# notion\n", "# notion\nA third sentence. ", "3 sentences, not two"),
        (
            DATA,
            "steps = [5, 10, 15, 20]",
            "steps = [5, 10, 15, 21]",
            "no check at one of its steps",
        ),
        (DATA, "minutes = 20", 'minutes = "many"', "a whole number is wanted"),
        (DATA, "minutes = 20", "minutes = 20\ncolour = 3", "colour, which is not known here"),
        (
            DATA,
            "names.after < textbook.names.before",
            "names.before < textbook.names.after",
            "do not show",
        ),
        (DATA, 'curve = "textbook.names"', 'curve = "textbook.topic"', "'topic' is not measured"),
        (DATA, "[figures.gentle]", "[figures.gentler]", "cites 'gentle'"),
        (DATA, "goals = [", "goals = [ [", "is not TOML"),
    ],
)
def test_check_finds_what_is_wrong(copy: Path, file: str, old: str, new: str, said: str) -> None:
    spoil(copy, file, old, new)
    found = next(one for one in check(folder=copy) if one.lesson == "forgetting")
    assert said in " | ".join(found.problems)


def test_a_missing_file_is_said(copy: Path) -> None:
    (copy / "lora" / TEXT).unlink()
    found = next(one for one in check(folder=copy) if one.lesson == "lora")
    assert found.problems == ("lora/text.md cannot be read: No such file or directory.",)
    with pytest.raises(UserError, match="There is no lesson 'alchemy'"):
        lesson("alchemy")


def test_below_needs_intervals_and_seeds_apart() -> None:
    low = Figure(values=(0.1, 0.2), interval=(0.05, 0.25))
    assert is_below(low, Figure(values=(0.5, 0.6), interval=(0.4, 0.7)))
    assert not is_below(low, Figure(values=(0.5, 0.6), interval=(0.2, 0.7)))
    assert not is_below(low, Figure(values=(0.2, 0.9), interval=(0.3, 0.95)))


@pytest.mark.thorough
def test_the_command_lists_and_checks(capsys: pytest.CaptureFixture[str], copy: Path) -> None:
    assert main(["course", "list", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["lesson"] for row in rows] == [page.id for page in LESSONS]
    for row in rows:
        assert row["predictions"] >= 2
        assert row["questions"] >= 3
        assert row["terms"] >= 5
        assert row["challenges"] >= 0
    assert main(["course", "check"]) == 0
    spoil(copy, TEXT, "{{textbook.names.before}}", "0.79")
    assert main(["course", "check", "--folder", str(copy)]) == 1
    assert "'0.79' is typed" in capsys.readouterr().out


@pytest.mark.thorough
def test_the_kit_is_there_whole_and_needs_no_network(tmp_path: Path) -> None:
    files = write_kit(tmp_path / "kit")
    assert len(files) == 2 * len(LESSONS) + 1
    for path in files:
        text = path.read_text("utf-8")
        assert "{{" not in text, path.name
        assert "<script" not in text
        assert not re.search(r'(?:src|href)="(?:https?:)?//', text), path.name
        assert "@page" in text
    sheet = (tmp_path / "kit" / "03-forgetting-worksheet.html").read_text("utf-8")
    notes = (tmp_path / "kit" / "03-forgetting-notes.html").read_text("utf-8")
    for prediction in lesson("forgetting").predictions:
        assert prediction.ask.split("?")[0].split("“")[0] in sheet
        assert prediction.question.right.explained not in sheet  # no answer on the worksheet
        assert prediction.question.right.explained in notes
    assert sheet.count('<section class="sheet">') == 2


@pytest.mark.thorough
def test_the_kit_goes_into_no_folder_with_files(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(UserError, match="is not empty"):
        write_kit(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_kit_that_fails_leaves_nothing(tmp_path: Path, copy: Path) -> None:
    spoil(copy, DATA, "goals = [", "goals = [ [")
    with pytest.raises(UserError, match="is not TOML"):
        write_kit(tmp_path / "kit", folder=copy)
    assert not (tmp_path / "kit").exists()


def test_a_translation_is_another_folder(copy: Path) -> None:
    spoil(copy, TEXT, "means that a model loses", "bedeutet, dass ein Modell verliert")
    assert "bedeutet" in lesson("forgetting", folder=copy).text["notion"]
    assert "bedeutet" not in lesson("forgetting").text["notion"]
