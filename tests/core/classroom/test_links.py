"""Prepared links: what they carry comes back; what was edited or forged does not."""

import shutil
import stat
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.classroom.classroom import Classroom
from core.classroom.links import (
    CHANGED,
    LONGEST,
    SIGNED,
    Link,
    address_of,
    key_file,
    link_to,
    opened,
)
from core.classroom.short_links import LENGTH, LETTERS
from core.errors import UserError
from core.visitor import OWNER, Visitor

LOCKED = Link(
    page="forgetting",
    settings={"forgetting_steps": ["40"], "forgetting_sequence": ["names", "topic & more"]},
    locked=("forgetting_steps", "forgetting_seed"),
    hidden=("forgetting_method",),
)
texts = st.text(max_size=12).filter(
    lambda t: "\0" not in t and t == t.encode(errors="replace").decode()
)
names = texts.filter(lambda t: t and t not in ("l", "link"))


def token_of(link: Link) -> str:
    return parse_qs(urlsplit(address_of(link)).query)[SIGNED][0]


def test_what_locks_nothing_is_a_plain_address() -> None:
    link = link_to("http://localhost:8501/forgetting?forgetting_steps=40&run=20261128-1&a=1&a=2&b=")
    assert link.settings == {
        "forgetting_steps": ["40"], "run": ["20261128-1"], "a": ["1", "2"], "b": [""],
    }  # fmt: skip
    assert address_of(link) == "/forgetting?forgetting_steps=40&run=20261128-1&a=1&a=2&b="
    assert not link.is_signed
    assert not key_file().exists()
    assert address_of(link_to("lora")) == "/lora"
    assert address_of(link_to("/")) == "/"
    assert link_to("explore", run="20261128-1").settings == {"run": ["20261128-1"]}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # one key for all
@given(
    said=st.dictionaries(names, st.lists(texts, min_size=1, max_size=3), max_size=4),
    locked=st.lists(names, max_size=3),
)
def test_a_link_comes_back_as_it_was(said: dict[str, list[str]], locked: list[str]) -> None:
    link = Link(page="lora", settings=said, locked=tuple(locked), hidden=("lora_x",))
    assert opened(token_of(link)) == link


def test_a_link_that_was_edited_at_any_place_is_refused() -> None:
    token = token_of(LOCKED)
    for n, sign in enumerate(token):
        for other in ("A", "b", "-", "."):
            if (
                other != sign and n < len(token) - 1
            ):  # the last sign of base64 holds bits that mean nothing
                with pytest.raises(UserError, match=CHANGED[:30]):
                    opened(token[:n] + other + token[n + 1 :])
    for forged in ("", ".", "x", "e30.e30", token[:-3], token + "x", "\ud800", "\0", "A" * 10_000):
        with pytest.raises(UserError, match=CHANGED[:30]):
            opened(forged)


def test_a_link_of_another_installation_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_of(LOCKED)
    assert stat.S_IMODE(key_file().stat().st_mode) == 0o600
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path / "elsewhere"))
    with pytest.raises(UserError, match="made on another computer"):
        opened(token)
    shutil.copytree(
        tmp_path / "data", tmp_path / "moved" / "data"
    )  # an installation that moved keeps its key
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path / "moved"))
    assert opened(token) == LOCKED


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Link(page="../etc"), "not a page"),
        (lambda: Link(page="lora", settings={"link": ["x"]}), "another link"),
        (lambda: Link(page="lora", settings={"a": ["\0"]}), "no text"),
        (lambda: Link(page="lora", locked=tuple(map(str, range(99)))), "at most 60"),
        (lambda: link_to("http://[" ), "no address|not an address"),
        (lambda: address_of(Link(page="lora", settings={"a": ["x" * LONGEST]})), "at most 4,000"),
    ],
)  # fmt: skip
def test_what_no_link_can_carry_is_one_sentence(make: object, words: str) -> None:
    with pytest.raises(UserError, match=words):
        make()  # type: ignore[operator]


def test_a_short_link_is_typed_by_a_pupil(room: Classroom) -> None:
    code = room.short_links.shorten(OWNER, LOCKED)
    assert len(code) == LENGTH
    assert set(code) <= set(LETTERS)
    assert room.short_links.get(f" {code.upper()} ") == LOCKED
    assert room.short_links.shorten(OWNER, LOCKED) == code
    assert room.short_links.shorten(OWNER, link_to("lora")) != code
    for wrong in ("", "zzzzz", "0000", "\0", "x" * 10_000):
        with pytest.raises(UserError, match="no short link"):
            room.short_links.get(wrong)


def test_short_links_go_with_their_class(room: Classroom) -> None:
    school_class, _ = room.classes.begin()
    teacher = Visitor(school_class.id, "teacher", school_class.id)
    mine, owners = (
        room.short_links.shorten(teacher, LOCKED),
        room.short_links.shorten(OWNER, LOCKED),
    )
    assert mine != owners
    mia = room.learners.join(school_class.id, "Mia")
    with pytest.raises(UserError, match="Only the teacher"):
        room.short_links.shorten(Visitor(mia.space, "learner", school_class.id), LOCKED)
    room.classes.delete(school_class.id)
    with pytest.raises(UserError, match="no short link"):
        room.short_links.get(mine)
    assert room.short_links.get(owners) == LOCKED
