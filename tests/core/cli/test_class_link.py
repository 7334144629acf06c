"""`python -m core class link`."""

import json
from pathlib import Path

import pytest

from core.classroom.classroom import Classroom
from core.classroom.links import opened
from core.cli.main import main
from core.recorded import collections


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)


def made(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert main(["class", "link", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_plain_link_a_signed_one_and_a_short_one(capsys: pytest.CaptureFixture[str]) -> None:
    page = "forgetting?forgetting_steps=40"
    plain = made(capsys, page)
    assert plain["link"] == f"http://localhost:8501/{page}"
    assert plain["is_signed"] is False
    signed = str(
        made(capsys, page, "--lock", "forgetting_steps", "--server", "http://pi:80/")["link"]
    )
    assert signed.startswith("http://pi:80/forgetting?link=")
    assert opened(signed.partition("link=")[2]).locked == ("forgetting_steps",)
    room = Classroom()
    school_class, _ = room.classes.begin()
    room.classes.reached_at(school_class.id, "http://192.168.1.20:8501")
    short = str(made(capsys, page, "--hide", "forgetting_seed", "--short")["link"])
    assert short.startswith("http://192.168.1.20:8501/?l=")
    assert room.short_links.get(short[-4:]).hidden == ("forgetting_seed",)


def test_a_recorded_run_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    run = collections()[0].runs[0].run_id
    assert str(made(capsys, "explore", "--run", run)["link"]).endswith(f"/explore?run={run}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere",), "is not a page of this app"),
        (("explore", "--run", "none"), "no recorded run"),
        (("lora?link=x" + "&a=1" * 99,), "address of a page"),
    ],
)
def test_mistakes_are_one_sentence(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["class", "link", *words]) == 2
    assert said in capsys.readouterr().err
