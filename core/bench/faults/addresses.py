"""Every page of the real server with hostile values in its address.

The server is started with Streamlit's interface for programs (`server.enableAgentApi`), which opens a page as
a browser would and tells what stands on it. Which names a page reads from its address is learned from its
widgets; the rest is in `NAMES`.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Required, TypedDict

import psutil

from core.bench.faults.hostile import a_value, in_few_words
from core.bench.faults.tries import (
    ECHO,
    HANG,
    LIMIT_S,
    PATIENCE_S,
    SENTENCE,
    SILENT,
    TRACEBACK,
    Try,
    echoes,
)
from core.course.lessons import LAB, LESSONS
from core.errors import UserError
from core.paths import ROOT, cache_dir
from core.typed_json import Json

KIND = "addresses"
NAMES = ("run", "mix", "sequence", "dataset", "tests", "phases")
"""Names in addresses that belong to no widget."""
WITH = {
    "dataset": {"instruction_task": "Your own pairs"},
    "tests": {"evaluation_task": "Your own file"},
}
"""What else the address must hold for a name to be read."""
START_S = 60


class Node(TypedDict, total=False):
    """An element of a page, as Streamlit's interface for programs tells it."""

    type: Required[str]
    key: str
    props: dict[str, Json]
    children: list["Node"]


class Opened(TypedDict, total=False):
    """Its answer: the page, or why it does not open it."""

    tree: Node
    error: dict[str, Json]
    status: str
    errors: Json


@dataclass
class Server:
    """The real server, and how much processor time it has used."""

    process: subprocess.Popen[bytes]
    port: int
    names: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """The names that the address of a page may hold, by page."""

    def open(self, page: str, address: dict[str, list[str]]) -> Opened:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        wanted = json.dumps({"page": page, "query_params": address})
        headers = {"Content-Type": "application/json"}
        try:
            connection.request("POST", "/_stcore/agent/interact", wanted, headers)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def seconds(self) -> float:
        times = psutil.Process(self.process.pid).cpu_times()
        return times.user + times.system

    def names_of(self, page: str) -> list[str]:
        """Learned from the page as it opens without an address."""
        if page not in self.names:
            keys = [node["key"] for node in _nodes(self.open(page, {})) if "key" in node]
            self.names[page] = [*keys, *NAMES]
        return self.names[page]


@contextmanager
def trying(place: Path) -> Generator[Callable[[int, Random], Try]]:
    """With the prepared model where there is one; without it, pages end where they ask for it."""
    pages = [page.url_path for page in (*LESSONS, *LAB)]
    with serving(place) as server:
        for page in pages:
            server.names_of(page)

        def one(number: int, random: Random) -> Try:
            page = pages[number % len(pages)]
            names = server.names_of(page)
            name = names[number // len(pages) % len(names)]
            return try_address(server, number, page, name, a_value(random))

        yield one


def try_address(server: Server, number: int, page: str, name: str, value: str) -> Try:
    start, outcome, said = server.seconds(), SILENT, ""
    try:
        also = {key: [text] for key, text in WITH.get(name, {}).items()}
        found = server.open(page, {**also, name: [value]})
        said, outcome = _outcome(found, value)
    except TimeoutError:
        outcome = HANG
    except (OSError, ValueError, http.client.HTTPException) as error:
        outcome, said = TRACEBACK, f"{type(error).__name__}: {error}"
    seconds = server.seconds() - start
    if outcome in (SENTENCE, SILENT) and seconds > LIMIT_S:
        outcome = HANG
    what = f"/{page}?{name}={in_few_words(value)}"
    return Try(kind=KIND, number=number, what=what, outcome=outcome, said=said, seconds=seconds)


def _outcome(found: Opened, value: str) -> tuple[str, str]:
    """What the page says, and how the try ended."""
    if "tree" not in found:  # the address is refused before a page sees it
        refused = found.get("error", {})
        return str(refused.get("message", found))[:500], SENTENCE
    said = [
        str(node.get("props", {}).get("body", ""))
        for node in _nodes(found)
        if node["type"] in ("error", "warning", "caption", "exception")
    ]
    raised = [node for node in _nodes(found) if node["type"] == "exception"]
    if raised or found.get("status") == "error":
        return json.dumps(raised or found.get("errors", ""))[:800], TRACEBACK
    if any(echoes(sentence, [value]) for sentence in said):
        return max(said, key=len)[:800], ECHO
    return "", SENTENCE if any(node["type"] == "error" for node in _nodes(found)) else SILENT


def _nodes(found: Opened) -> Iterator[Node]:
    """Every element of a page."""
    waiting = [found["tree"]] if "tree" in found else []
    while waiting:
        node = waiting.pop()
        if "type" in node:
            yield node
        waiting += node.get("children", [])


@contextmanager
def serving(place: Path) -> Generator[Server]:
    place.mkdir(parents=True, exist_ok=True)
    if cache_dir().is_dir() and not (place / "cache").exists():
        (place / "cache").symlink_to(cache_dir().resolve())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [f"--server.port={port}", "--server.enableAgentApi=true"]
    options += ["--server.agentSessionTTL=5", "--server.agentMaxSessions=1000"]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", *options]
    environment = os.environ | {"TUNING_FORK_HOME": str(place)}
    with (place / "server.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        _wait_for(port, process)
        yield Server(process, port)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise UserError("The server did not start; look into server.log of the campaign's folder.")
