"""Progress is kept line by line: nothing that others write or a power cut breaks is lost."""

import threading
from pathlib import Path

import pytest

from core.course.progress import (
    Entry,
    forget,
    keep,
    learner_name,
    learners,
    place,
    progress,
)
from core.errors import UserError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    return tmp_path


def solved(item: str, learner: str = "") -> Entry:
    return Entry(learner=learner, kind="solved", lesson="lora", item=item)


def test_who_is_new_has_done_nothing() -> None:
    assert progress("Mia").entries == ()


def test_what_is_kept_is_read_again_by_learner() -> None:
    keep(solved("smallest_rank", "Mia"))
    keep(Entry(learner="Mia", kind="tried", lesson="lora", item="one_matrix"))
    keep(Entry(learner="Mia", kind="tried", lesson="lora", item="one_matrix"))
    keep(solved("one_matrix"))
    found = progress("Mia")
    assert list(found.solved) == ["smallest_rank"]
    assert found.tries == {"one_matrix": 2}
    assert found.solved["smallest_rank"].at.endswith("Z")
    assert (learners(), list(progress().solved)) == (["Mia"], ["one_matrix"])


def test_a_broken_line_costs_that_line_only() -> None:
    keep(solved("a"))
    with place().open("ab") as file:
        file.write(b'{"learner": "", "kind": "sol')  # the power went here
    keep(solved("b"))
    with place().open("ab") as file:
        file.write(b'\xff\xfe\n[1]\n{"kind": "danced"}\n')
    keep(solved("c"))
    assert list(progress().solved) == ["a", "b", "c"]


def test_many_write_at_once() -> None:
    def write(n: int) -> None:
        for i in range(10):
            keep(solved(f"{n}.{i}"))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(progress().solved) == 40


def test_one_learner_is_forgotten_and_what_cannot_be_read_stays() -> None:
    keep(solved("a", "Mia"))
    keep(solved("b"))
    with place().open("ab") as file:
        file.write(b'{"kind": "of a newer version"}\n')
    assert forget("Mia") == 1
    assert (progress("Mia").entries, len(progress().entries)) == ((), 1)
    assert "newer version" in place().read_text("utf-8")
    assert forget("Mia") == 0


def test_names_are_tidied_and_long_ones_refused() -> None:
    assert learner_name("  Mia \n Berg ") == "Mia Berg"
    for wrong in ("x" * 61, "\0"):
        with pytest.raises(UserError, match="Your name"):
            learner_name(wrong)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(UserError, match="danced"):
        Entry(kind="danced")


def test_a_folder_that_cannot_be_written_is_one_sentence(home: Path) -> None:
    place().parent.mkdir(parents=True)
    place().mkdir()  # a folder where the file should be
    with pytest.raises(UserError, match="cannot be kept"):
        keep(solved("a"))
