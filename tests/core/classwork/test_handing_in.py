"""What a class hands in: reports and tables of all learners, and only of theirs."""

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest

from core.classroom.classroom import Classroom
from core.classwork.handing_in import file_name, handed_in, write, zipped
from core.classwork.pupils import Pupil, pupils
from core.cli.main import main
from core.course.challenges import challenges
from core.course.content import lesson
from core.course.predictions import Drawn
from core.course.progress import Entry, keep
from core.course.quiz import BEFORE, items, score
from core.errors import UserError
from core.experiments.collapse import collapse
from core.recorded import RecordedRun, find
from core.runs.rights import store_for
from core.runs.store import RunStore
from core.visitor import Visitor

FORMULA = "=HYPERLINK(1)"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return tmp_path


@pytest.fixture
def recorded() -> RecordedRun:
    found = find(collapse(method="full", rate=3e-4, steps=20, seed=0))
    assert found
    return found


@pytest.fixture
def teacher(recorded: RecordedRun) -> Visitor:
    """Of a class in which Mia did a lesson with a run, and Omar guessed without one."""
    room, everything = Classroom(), RunStore()
    school_class, _ = room.classes.begin(name="8b")
    spaces = [room.learners.join(school_class.id, name).space for name in ("Mia Lou", "Omar")]
    mia, omar = (Visitor(space, "learner", school_class.id) for space in spaces)
    run = store_for(mia, everything).submit(recorded.config)
    everything.claim(worker="here")
    for event in recorded.events():
        everything.append(run.id, event)
    everything.finish(run.id, recorded.summary)
    everything.submit(collapse(method="full", rate=2e-5, steps=20, seed=0))  # the owner's

    def note(who: Visitor, name: str, kind: str, item: str, **detail: object) -> None:
        entry = Entry(learner=name, kind=kind, lesson="forgetting", item=item, detail=dict(detail))
        keep(entry, space=who.space)

    note(mia, "Mia Lou", "ran", run.id)
    note(mia, "Mia Lou", "predicted", "park", guess="something else", distance=1.0, right=False)
    note(mia, "Mia Lou", "answered", "what_loss_sees", answer=FORMULA, right=False)
    (one, *_) = challenges("forgetting")
    note(mia, "Mia Lou", "tried", one.id)
    note(mia, "Mia Lou", "solved", one.id)
    filled = score("Mia Lou", BEFORE, {items("A")[0].id: 0})
    keep(filled.entry(), space=mia.space)
    room.guesses.lock(omar, "forgetting", "names_curve", [0.8, 0.4, 0.2, 0.1])
    return Visitor(school_class.id, "teacher", school_class.id)


def found(teacher: Visitor) -> list[Pupil]:
    return pupils(Classroom(), store_for(teacher, RunStore()), teacher.class_id)


def files(teacher: Visitor) -> dict[str, str]:
    store = store_for(teacher, RunStore())
    return dict(handed_in(found(teacher), store.events, marks=store.marks.all()))


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.thorough
def test_each_learner_has_what_they_did_and_nothing_else(teacher: Visitor) -> None:
    mia, omar = found(teacher)
    assert (mia.name, len(mia.runs), mia.lessons) == ("Mia Lou", 1, {"forgetting"})
    assert (omar.runs, omar.lessons) == ((), {"forgetting"})
    assert omar.guesses_of("forgetting") == {"names_curve": (0.8, 0.4, 0.2, 0.1)}
    assert mia.guesses_of("forgetting") == {"park": "something else"}


def test_reports_and_tables(teacher: Visitor, recorded: RecordedRun) -> None:
    made = files(teacher)
    assert list(made) == [
        "reports/01-Mia_Lou/03-forgetting.html",
        "reports/02-Omar/03-forgetting.html",
        "guesses.csv",
        "runs.csv",
        "questions.csv",
        "challenges.csv",
        "before_and_after.csv",
    ]
    mias, omars = (made[name] for name in list(made)[:2])
    assert "Lab report of Mia Lou" in mias
    assert recorded.command.split("--", 1)[1].split(" --")[0] in mias
    assert "something else" in mias
    assert "No run of this lesson was finished." in omars
    assert "step 5: 0.8" in omars
    guesses = table(made["guesses.csv"])
    assert [(row["learner"], row["guess"], row["saw_what_came"]) for row in guesses] == [
        ("Mia Lou", "something else", "True"),
        ("Omar", "0.8 0.4 0.2 0.1", "False"),
    ]
    one = lesson("forgetting").prediction("names_curve")
    assert isinstance(one, Drawn)
    came = one.measured(lesson("forgetting").figures)
    assert came
    assert float(guesses[0]["distance"]) == 1.0
    assert float(guesses[1]["distance"]) == one.compare([0.8, 0.4, 0.2, 0.1], came).distance
    (run,) = table(made["runs.csv"])
    assert (run["learner"], run["lesson"], run["status"]) == ("Mia Lou", "forgetting", "finished")
    assert float(run["names after"]) == recorded.summary.scores["names"]
    assert run["optimizer.learning_rate"] == "0.0003"
    (challenge,) = table(made["challenges.csv"])
    assert challenge["tries_in_vain"] == "1"
    assert challenge["solved_at"]
    before = table(made["before_and_after.csv"])
    assert {row["learner"] for row in before} == {"Mia Lou"}
    assert len(before) == len(items("A"))


def test_no_cell_is_a_formula(teacher: Visitor) -> None:
    (question,) = table(files(teacher)["questions.csv"])
    assert question["answer"] == f"'{FORMULA}"


def test_the_same_as_a_zip_and_by_the_command(
    teacher: Visitor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = files(teacher)
    with zipfile.ZipFile(io.BytesIO(zipped(made.items()))) as archive:
        assert {name: archive.read(name).decode() for name in archive.namelist()} == made
    assert main(["class", "results", "--to", str(tmp_path / "out"), "--json"]) == 0
    written = [json.loads(line)["file"] for line in capsys.readouterr().out.splitlines()]
    texts = [Path(file).read_bytes().decode() for file in written]
    assert texts == list(made.values())
    assert main(["class", "results", "--to", str(tmp_path / "out")]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert main(["class", "results", "nobody", "--to", str(tmp_path / "new")]) == 2


def test_names_of_files_are_safe_everywhere(tmp_path: Path) -> None:
    assert [file_name(name) for name in ("../../etc", "Mia: 1", "李", "CON.")] == [
        "etc",
        "Mia_1",
        "learner",
        "CON",
    ]
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="not empty"):
        write([], tmp_path / "file")
