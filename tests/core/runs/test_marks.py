"""What people write on runs."""

import json

import pytest

from core.cli.main import main
from core.config import RunConfig
from core.errors import UserError
from core.runs.marks import Mark, tags_in
from core.runs.store import RunStore

pytestmark = pytest.mark.usefixtures("database")


def ended(store: RunStore, seed: int = 0) -> str:
    run = store.submit(RunConfig(seed=seed))
    store.stop(run.id)
    return run.id


@pytest.mark.thorough
def test_a_mark_is_written_changed_and_taken_off() -> None:
    store = RunStore()
    run, other = ended(store), ended(store, 1)
    assert store.marks.of(run) == Mark()
    store.marks.put(run, Mark(name="  my   run ", tags=("good", " good", "", "b"), note=" a\nb "))
    assert RunStore().marks.of(run) == Mark(name="my run", tags=("good", "b"), note="a\nb")
    store.marks.add_tag([run, other], "kept")
    assert {i: m.tags for i, m in store.marks.all().items()} == {
        run: ("good", "b", "kept"),
        other: ("kept",),
    }
    store.marks.put(run, Mark())
    assert list(store.marks.all()) == [other]
    store.delete(other)
    assert store.marks.all() == {}


def test_a_mark_does_not_change_the_run() -> None:
    store = RunStore()
    before = store.get(run := ended(store))
    store.marks.put(run, Mark(note="Zoë’s 東京 🎼 run"))
    assert store.get(run) == before
    assert store.marks.of(run).note == "Zoë’s 東京 🎼 run"


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ({"name": "n" * 81}, "The name has 81 characters; at most 80 fit"),
        ({"note": "n" * 2_001}, "The note has 2,001 characters; at most 2,000 fit"),
        ({"tags": ("t" * 31,)}, "is too long; a tag has at most 30 characters"),
        ({"tags": tuple("abcdefghijklm")}, "There are 13 tags; a run has at most 12"),
    ],
)
def test_what_is_too_long_is_refused_in_words(mark: dict[str, str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Mark(**mark)  # pyright: ignore[reportArgumentType]


def test_a_mark_needs_its_run() -> None:
    with pytest.raises(UserError, match="There is no run"):
        RunStore().marks.put("20260101-000000-abcdef", Mark(name="x"))


def test_tags_as_they_are_typed() -> None:
    assert tags_in(" a, lesson 3 ,,a") == ("a", "lesson 3")
    assert tags_in("") == ()


@pytest.mark.thorough
def test_the_command_writes_what_it_is_given_and_keeps_the_rest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = ended(RunStore())
    assert main(["runs", "mark", run, "--name", "The first", "--tags", "a, b"]) == 0
    assert main(["runs", "mark", run, "--note", "later", "--json"]) == 0
    *_, last = capsys.readouterr().out.splitlines()
    wanted = {"name": "The first", "tags": ["a", "b"], "note": "later"}
    assert json.loads(last) == {"type": "mark", "run_id": run, **wanted}
    assert main(["runs", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out).items() >= wanted.items()
