"""The real app on a free port, with its own empty run store and the user's prepared model."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from core import catalog, paths
from core.models.acquire import is_ready
from tests.patience import PATIENCE_S, listens, wait_for

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_MS = 1000 * PATIENCE_S
TRAINED_MS = 3 * PATIENCE_MS
"""What is computed gives way to pages, also to those of the test beside."""
expect.set_options(timeout=PATIENCE_MS)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture(scope="session")
def prepared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert is_ready(catalog.MODELS[catalog.DEFAULT_MODEL]), "first run: python -m core prepare"
    home = tmp_path_factory.mktemp("home")
    (home / "cache").symlink_to(paths.cache_dir())
    return home


@contextmanager
def running_app(
    home: Path, *options: str, port: int | None = None, **environment: str
) -> Iterator[str]:
    """Start the app as a reader would; gives its address."""
    port = port or free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    command += options
    environment = os.environ | {"TUNING_FORK_HOME": str(home)} | environment
    with (home / "server.log").open("a") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    address = f"http://localhost:{port}"
    try:
        wait_for(lambda: listens(port) or server.poll() is not None)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=PATIENCE_S)


@pytest.fixture(scope="session")
def app(prepared_home: Path) -> Iterator[str]:
    """The address of the one app that most tests share."""
    with running_app(prepared_home) as address:
        yield address


@pytest.fixture
def cold_app(tmp_path: Path) -> Iterator[str]:
    """A server that nobody has visited, without a model."""
    with running_app(tmp_path) as address:
        yield address


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    assert path, "Chromium is not installed: apt-get install chromium"
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1440, "height": 1000})
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()
