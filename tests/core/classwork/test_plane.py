"""Where a run stands on the class's plane, who is where, and which challenges are solved."""

from core.classroom.learners import Learner
from core.classroom.presence import AWAY_S, Seen
from core.classwork.places import page_titles, places
from core.classwork.plane import place
from core.classwork.solved import solved
from core.course.challenges import challenges
from core.course.progress import Entry, Progress
from core.experiments.collapse import collapse
from core.experiments.mitigations import mitigation_config
from core.recorded import as_run, find

RECORDED = find(collapse(method="full", rate=3e-4, steps=20, seed=0))
assert RECORDED


def test_a_run_stands_where_its_latest_check_puts_it() -> None:
    events, run = RECORDED.events(), as_run(RECORDED)
    end = place(run, events, kept="general", spaces=("a", "b"))
    assert end
    assert (end.task, end.method, end.step, end.spaces) == ("sentiment", "full", 20, ("a", "b"))
    assert end.learned.value == run.summary.scores["sentiment"]
    assert end.kept.value == run.summary.scores["general"]
    assert end.base == run.summary.first_scores["general"]
    low, high = end.kept.interval
    assert low <= end.kept.value <= high
    assert end.kept.n > 1
    half = events[: len(events) // 2]
    now = place(run, half, kept="general", spaces=())
    assert now
    assert 0 < now.step < 20
    assert place(run, events[:3], kept="general", spaces=()) is None  # nothing but the base model


def test_what_was_trained_on_is_not_what_was_kept() -> None:
    events, run = RECORDED.events(), as_run(RECORDED)
    assert place(run, events, kept="sentiment", spaces=()) is None
    assert place(run, events, kept="summary", spaces=()) is None  # never measured
    rehearsed = mitigation_config("rehearse", 0.5, seed=0).to_dict()
    with_names = type(run)(**{**vars_of(run), "config_dict": rehearsed})
    assert place(with_names, events, kept="names", spaces=()) is None
    assert place(with_names, events, kept="general", spaces=())


def vars_of(run: object) -> dict[str, object]:
    return {name: getattr(run, name) for name in type(run).__dataclass_fields__}  # type: ignore[attr-defined]


def learner(name: str) -> Learner:
    return Learner(space=name.lower(), class_id="c", name=name, joined_at=0.0)


def test_who_is_where_stands_in_the_order_of_the_course() -> None:
    everybody = [learner(name) for name in ("Mia", "Omar", "Lin", "Bo", "Ada")]
    seen = [
        Seen(space="mia", page="lora", at=1000),
        Seen(space="omar", page="forgetting", at=1000),
        Seen(space="lin", page="forgetting", at=1000),
        Seen(space="bo", page="lora", at=1000 - AWAY_S - 1),
        Seen(space="gone", page="lora", at=1000),
    ]
    found = places(everybody, seen, now=1000)
    assert [(one.title, one.names) for one in found.here] == [
        ("Lesson 3: Catastrophic forgetting", ("Omar", "Lin")),
        ("Lesson 7: LoRA", ("Mia",)),
    ]
    assert (found.n_here, found.away) == (3, ("Bo", "Ada"))
    assert page_titles()[""] == "Home"


def test_challenges_are_counted_once_for_each_learner() -> None:
    one, two, *_ = challenges()

    def did(kind: str, item: str, at: str) -> Entry:
        return Entry(kind=kind, lesson=one.lesson, item=item, at=at)

    found = solved(
        {
            "Mia": Progress(entries=(did("tried", one.id, "1"), did("solved", one.id, "5"), did("solved", one.id, "6"))),
            "Omar": Progress(entries=(did("solved", one.id, "3"),)),
            "Lin": Progress(entries=(did("tried", two.id, "1"), did("tried", two.id, "2"))),
        }
    )  # fmt: skip
    assert [(row.id, row.names, row.n_tried) for row in found] == [
        (one.id, ("Omar", "Mia"), 0),
        (two.id, (), 1),
    ]
