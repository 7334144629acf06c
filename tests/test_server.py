"""Who reaches the real server: this computer, under its own names, and nobody else; what begins and ends with it."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from core.config import RunConfig
from core.runs.store import RunStore
from server import FOREIGN_NAME
from tests.browser.test_page_loads import load
from tests.patience import PATIENCE_S, listens, wait_for

pytestmark = pytest.mark.thorough
NO_ROOM = "socket.accept() out of system resource"

ROOT = Path(__file__).resolve().parents[1]
HANDSHAKE = (
    "GET /_stcore/stream HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nConnection: Upgrade\r\n"
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
"""All that a page shows and does travels over this connection."""


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextmanager
def serving(home: Path, *options: str, most_files: int = 0) -> Iterator[tuple[int, psutil.Process]]:
    """The app as README starts it, perhaps with a limit of open files; gives its port and process."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "app.py",
        f"--server.port={port}",
        *options,
    ]
    if most_files:
        command = ["prlimit", f"--nofile={most_files}", *command]
    environment = os.environ | {"TUNING_FORK_HOME": str(home)}
    with (home / "server.log").open("a") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        wait_for(lambda: listens(port) or server.poll() is not None)
        yield port, psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait(timeout=PATIENCE_S)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, psutil.Process]]:
    with serving(tmp_path_factory.mktemp("home")) as found:
        yield found


def answer(port: int, host: str, cookie: str = "") -> str:
    """The first line of what the server says to a browser that opens a page's connection."""
    head = HANDSHAKE.format(host=host)
    if cookie:
        head = head.replace("\r\n\r\n", f"\r\nCookie: {cookie}\r\n\r\n")
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        connection.sendall(head.encode())
        return connection.recv(200).decode().splitlines()[0]


def get(port: int, host: str, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request("GET", path, headers={"Host": host})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def listens_on(process: psutil.Process) -> set[str]:
    return {c.laddr.ip for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN}


def test_it_listens_on_this_computer_only(server: tuple[int, psutil.Process]) -> None:
    assert listens_on(server[1]) == {"127.0.0.1"}


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "LOCALHOST"])
def test_its_own_names_are_served(name: str, server: tuple[int, psutil.Process]) -> None:
    port = server[0]
    assert "101" in answer(port, f"{name}:{port}")


@pytest.mark.parametrize(
    "name", ["evil.invalid", "localhost.evil.invalid", "192.168.1.20", "x@localhost"]
)
def test_foreign_names_are_refused(name: str, server: tuple[int, psutil.Process]) -> None:
    port = server[0]
    assert "403" in answer(port, f"{name}:{port}")


@pytest.mark.parametrize("path", ["/", "/lora", "/_stcore/health", "/_stcore/host-config"])
def test_nothing_is_served_under_a_foreign_name(
    path: str, server: tuple[int, psutil.Process]
) -> None:
    port = server[0]
    assert get(port, f"localhost:{port}", path)[0] == 200
    assert get(port, f"evil.invalid:{port}", path) == (403, FOREIGN_NAME)


def test_shared_as_the_readme_says(tmp_path: Path) -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    (command,) = [line for line in lines if "--server.address" in line]
    with serving(tmp_path, *command.split()[3:]) as (port, process):
        assert listens_on(process) == {"0.0.0.0"}
        assert "101" in answer(port, f"192.168.1.20:{port}")
        assert "403" in answer(port, f"evil.invalid:{port}")
        assert get(port, f"192.168.1.20:{port}", "/")[0] == 200
        assert get(port, f"evil.invalid:{port}", "/")[0] == 403


def test_a_class_is_open_to_the_room_and_to_its_members_only(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "core", "class", "start", "--port", str(port), "--json"]
    environment = os.environ | {"TUNING_FORK_HOME": str(tmp_path)}
    with (tmp_path / "server.log").open("w") as log:
        started = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        assert started.stdout
        said = json.loads(started.stdout.readline())
        room = said["address"].removeprefix("http://")
        wait_for(lambda: listens(port))
        assert get(port, room, "/_stcore/health")[0] == 200
        (server,) = psutil.Process(started.pid).children()
        assert listens_on(server) == {"0.0.0.0"}
        assert get(port, room, "/media/x")[0] == 403
        assert "403" in answer(port, room)
        assert get(port, "evil.invalid", "/join") == (403, FOREIGN_NAME)
        form = f"code={said['code']}&nickname=Mia"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        connection.request("POST", "/join", form, {"Host": room})
        entered = connection.getresponse()
        cookie = (entered.getheader("set-cookie") or "").split(";")[0]
        assert "101" in answer(port, room, cookie)
        assert "403" in answer(port, room, cookie + "x")
    finally:
        started.terminate()
        assert started.wait(timeout=PATIENCE_S) in (0, 130)
    assert not server.is_running()


def test_a_link_to_a_lesson_opens_for_the_first_reader_too(tmp_path: Path) -> None:
    with serving(tmp_path) as (port, _):
        said = load(f"http://localhost:{port}", "lora")
    assert "page_not_found" not in said
    assert "Train this LoRA" in said


@pytest.mark.skipif(not shutil.which("prlimit"), reason="nothing here sets a limit")
def test_more_connections_than_it_may_have_fill_no_log(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    with serving(tmp_path, most_files=150) as (port, _):
        name = f"localhost:{port}"
        assert get(port, name, "/_stcore/health")[0] == 200
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(250)]
        wait_for(lambda: NO_ROOM in log.read_text())
        time.sleep(3)  # as long as it could fill the log
        for one in silent:
            one.close()
        assert get(port, name, "/_stcore/health")[0] == 200
    assert log.read_text().count(NO_ROOM) == 1
    assert log.stat().st_size < 20_000


def test_a_queue_goes_on_before_a_reader_comes_and_ends_with_the_server(tmp_path: Path) -> None:
    """A worker that answers nothing any more is ended, too."""
    (tmp_path / "data").mkdir()
    RunStore(f"sqlite:///{tmp_path}/data/runs.sqlite3").submit(RunConfig())
    with serving(tmp_path) as (_, process):
        wait_for(process.children)
        workers = process.children()
        workers[0].suspend()
    assert psutil.wait_procs(workers, timeout=PATIENCE_S)[1] == []
