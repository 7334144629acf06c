"""The teacher's wall: guesses, what came, runs, places and challenges of one class, and of no other."""

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.classroom.classroom import SERVER, Classroom
from core.classwork.guessed import Fan, Line
from core.classwork.plane import Place, Score
from core.config import METHODS, RunConfig
from core.course.challenges import challenges
from core.course.content import lesson
from core.course.progress import Entry, keep
from core.experiments.collapse import collapse
from core.recorded import find
from core.runs.rights import store_for
from core.runs.store import RunStore
from core.visitor import Visitor
from pages.lab.wall.figures import fan_rows, plane_chart, said
from pages.shared import visitor as who
from tests.patience import PATIENCE_S
from tests.people import learner_of, teacher_of

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Classroom:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv(SERVER, "1")
    st.cache_resource.clear()
    st.cache_data.clear()
    return Classroom()


@pytest.fixture
def teacher(room: Classroom) -> Visitor:
    return teacher_of(room)


def ran(visitor: Visitor, config: RunConfig) -> None:
    """A run whose settings are recorded, with the events of that record."""
    everything, recorded = RunStore(), find(config)
    assert recorded
    run = store_for(visitor, everything).submit(config)
    if run.status == "finished":
        return
    everything.claim(worker="here")
    for event in recorded.events():
        everything.append(run.id, event)
    everything.finish(run.id, recorded.summary)


def opened(room: Classroom, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    space = visitor.space if visitor.role == "learner" else None
    cookies = {who.COOKIE: room.tickets.cookie(visitor.class_id, space)}
    monkeypatch.setattr(type(st.context), "cookies", property(lambda _: cookies))
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S).run()
    app.session_state["wall_lesson"] = "forgetting"
    app.switch_page("pages/lab/wall/page.py").run()
    assert not app.exception
    return app


def text_of(app: AppTest) -> str:
    elements = (*app.main.markdown, *app.main.caption, *app.get("html"), *app.main.subheader)
    return "\n".join(str(getattr(one, "value", "") or one.proto.body) for one in elements)


@pytest.mark.thorough
def test_the_wall_of_a_class(
    room: Classroom, teacher: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    mia, omar, lin = (learner_of(room, teacher, name) for name in ("Mia", "Omar", "Lin"))
    for one, guess in ((mia, "something else"), (omar, "“positive” or “negative”")):
        room.guesses.lock(one, "forgetting", "park", guess)
        room.presence.post(one, "forgetting")
    other, _ = room.classes.begin(name="9a")
    stranger = learner_of(room, Visitor(other.id, "teacher", other.id), "Stranger")
    room.guesses.lock(stranger, "forgetting", "park", "Amina and Omar")
    ran(mia, collapse(method="full", rate=3e-4, steps=20, seed=0))
    ran(stranger, collapse(method="full", rate=2e-5, steps=20, seed=0))
    (solved, *_) = challenges("forgetting")
    keep(Entry(learner="Lin", kind="solved", lesson="forgetting", item=solved.id), space=lin.space)
    app = opened(room, teacher, monkeypatch)
    shown = text_of(app)
    assert [one.value for one in app.metric] == ["2 of 3", "1", "1"]
    assert "**2 guessed**" in shown
    assert "Lesson 3: Catastrophic forgetting" in shown
    assert "Mia, Omar" in shown
    assert "1 learner with no page open" in shown
    assert solved.title in shown
    assert "Stranger" not in shown
    assert "**1 run of the class**" in shown
    app.toggle(key="wall_came_forgetting_park").set_value(True).run()
    assert not app.exception
    assert "It answered “" in text_of(app)
    app.toggle(key="wall_hide").set_value(True).run()
    hidden = text_of(app)
    assert "Mia" not in hidden
    assert "Lesson 3: Catastrophic forgetting" in hidden
    app.selectbox(key="wall_guess_forgetting").set_value("names_curve").run()
    assert not app.exception
    assert "No guess is locked yet" in text_of(app)
    room.guesses.lock(lin, "forgetting", "names_curve", [0.8, 0.5, 0.2, 0.1])
    app.toggle(key="wall_came_forgetting_names_curve").set_value(True).run()
    assert not app.exception
    assert "1 drawing, on average" in text_of(app)
    assert "drew nearest" not in text_of(app)  # names are hidden
    app.selectbox(key="wall_page").set_value("lora")
    app.button(key="wall_look").click().run()
    state = Classroom().steering.state(teacher.class_id)
    assert state.look
    assert state.look.page == "lora"


def test_a_learner_has_no_wall(
    room: Classroom, teacher: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    mia = learner_of(room, teacher, "Mia")
    with pytest.raises(ValueError, match="Could not find a navigation page"):
        opened(room, mia, monkeypatch)


@pytest.mark.thorough
def test_guesses_are_cleared_by_the_button(
    room: Classroom, teacher: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.guesses.lock(learner_of(room, teacher, "Mia"), "forgetting", "park", "something else")
    app = opened(room, teacher, monkeypatch)
    app.button(key="wall_clear").click().run()
    assert room.guesses.of(teacher, teacher.class_id, "forgetting", "park") == []
    app.run()
    assert "No guess is locked yet" in text_of(app)


def test_a_bar_says_in_words_what_its_colour_says() -> None:
    assert said(12, False, 0, 0) == "12"
    assert said(12, True, 0, 0) == "12  ✔ recorded"
    assert said(0, False, 2, 3) == "0  ✔ 2 of 3 class runs"


def test_a_fan_has_a_row_for_each_point_of_each_line() -> None:
    found = Fan(
        points=("step 5", "step 10"), steps=(5, 10), start=0.8, axis="names", high=1.0,
        drawn=(Line(heights=(0.5, 0.2), space="a"), Line(heights=(0.6, 0.4), space="b")),
        middle=(0.55, 0.3), recorded=(Line(heights=(0.3, 0.1)),),
    )  # fmt: skip
    rows = fan_rows(found)
    assert len(rows) == 4 * 3
    assert {row["line"] for row in rows} == {
        "guesses 0", "guesses 1", "middle of the guesses 0", "recorded runs 0",
    }  # fmt: skip
    assert [row["x"] for row in rows[:3]] == [0, 5, 10]
    assert lesson("forgetting").prediction("names_curve")


def marks(*methods: str) -> dict[str, tuple[str, str]]:
    """Colour and shape of each method's points."""
    shown = [
        Place(
            run_id=method, spaces=("a",), task="sentiment", method=method, rate=0.001, learned=Score(value=0.9, n=10),
            kept=Score(value=0.5, n=10), base=0.9, step=20, is_over=True,
        )
        for method in methods
    ]  # fmt: skip
    drawn = plane_chart(shown, names={}, learned="sentiment", kept="names").to_dict()
    encoding = next(one["encoding"] for one in drawn["layer"] if "shape" in one["encoding"])
    colours, shapes = encoding["color"]["scale"], encoding["shape"]["scale"]
    pairs = zip(colours["range"], shapes["range"], strict=True)
    return dict(zip(colours["domain"], pairs, strict=True))


def test_no_two_methods_look_alike_and_none_changes_its_looks_as_others_come() -> None:
    every = marks(*METHODS)
    assert len(set(every.values())) == len(METHODS)
    assert every.items() >= marks("lora", "full").items()
