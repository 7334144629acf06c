"""`python -m core class`: begin, list, end and delete classes, without and with the server."""

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.classroom.classroom import SERVER, Classroom
from core.cli import classroom
from core.cli.main import main


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The command and environment of each server, of which none is started."""
    found: list[Any] = []
    real = subprocess.Popen

    def start(command: list[str], **options: Any) -> Any:
        found.append((command, options["env"]))
        return real([sys.executable, "-c", ""])

    monkeypatch.setattr(classroom.subprocess, "Popen", start)
    return found


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("", 0))
        return int(one.getsockname()[1])


def test_a_class_is_started_for_the_room(
    started: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    assert main(["class", "start", "--name", "8b", "--port", str(port), "--minutes", "45"]) == 0
    said = capsys.readouterr().out
    (school_class,) = Classroom().classes.all()
    assert (school_class.name, round(school_class.left_s / 60)) == ("8b", 45)
    assert school_class.address.endswith(f":{port}")
    assert school_class.address in said
    assert classroom.spoken(school_class.code) in said
    secret = next(line for line in said.splitlines() if "secret   " in line).split()[-1]
    assert Classroom().tickets.visitor(Classroom().teach(secret)).class_id == school_class.id
    assert "█" in said or "▀" in said  # the QR code
    ((command, environment),) = started
    assert environment[SERVER] == "1"
    assert "--server.address=0.0.0.0" in command
    host = school_class.address.split("//")[1].split(":")[0]
    assert f"--server.allowedHosts={host}" in command
    assert "--server.allowedHosts=localhost" in command


def test_a_class_goes_on_after_a_crash(
    started: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    port = str(free_port())
    main(["class", "start", "--port", port, "--json"])
    first = json.loads(capsys.readouterr().out)
    resumed = [
        "class",
        "start",
        "--resume",
        "--port",
        port,
        "--json",
        "--address",
        "tuning.example",
    ]
    assert main(resumed) == 0
    again = json.loads(capsys.readouterr().out)
    assert (again["id"], again["code"], again["secret"]) == (first["id"], first["code"], "")
    assert again["address"] == f"http://tuning.example:{port}"
    link = again["teacher_link"].split("link=")[1]
    assert Classroom().tickets.visitor(Classroom().tickets.use_link(link)).role == "teacher"
    assert "--server.allowedHosts=tuning.example" in started[-1][0]


def test_behind_a_proxy_the_room_opens_a_whole_address(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["class", "start", "--no-server", "--json", "--address", "https://school.example/"]
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["address"] == "https://school.example"


def test_classes_are_listed_ended_and_deleted(capsys: pytest.CaptureFixture[str]) -> None:
    main(["class", "start", "--no-server", "--name", "8b", "--json"])
    begun = json.loads(capsys.readouterr().out)
    Classroom().enter(begun["code"], "Mia")
    assert main(["class", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert (listed["id"], listed["n_learners"], listed["is_over"]) == (begun["id"], 1, False)
    assert "secret" not in listed
    assert main(["class", "list"]) == 0
    assert "8b  1 learner  open until" in capsys.readouterr().out
    assert main(["class", "end", begun["code"].lower()]) == 0
    assert Classroom().classes.get(begun["id"]).is_over
    assert main(["class", "delete", begun["id"], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["type"] == "deleted"
    assert Classroom().classes.all() == []


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["start", "--port", "0"], "A port is a whole number from 1 to 65535"),
        (["start", "--no-server", "--minutes", "nan"], "The minutes of a class"),
        (["start", "--no-server", "--name", "x" * 99], "at most 60 characters"),
        (["start", "--no-server", "--resume"], "No class is open"),
        (["end", "AAAAAA"], "There is no class 'AAAAAA'"),
        (["delete", ""], "There is no class ''"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    command: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["class", *command]) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.err.count("\n") == 1
    assert Classroom().classes.all() == []


def test_a_taken_port_begins_no_class(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        assert main(["class", "start", "--port", str(taken.getsockname()[1])]) == 2
    assert "cannot be used" in capsys.readouterr().err
    assert Classroom().classes.all() == []
