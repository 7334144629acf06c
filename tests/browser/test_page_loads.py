"""Many page loads, by their connections alone: no descriptor stays open for good, and the server answers."""

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from tests.browser.conftest import ROOT, free_port
from tests.patience import PATIENCE_S, listens, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.benchmark]  # five hundred loads take minutes
LOADS = 500


def load(address: str, page: str) -> str:
    """What a browser does: get the page, let the script run once, go. Returns all texts it was sent."""
    urllib.request.urlopen(f"{address}/{page}").read()
    said: list[str] = []
    stream = f"{address.replace('http', 'ws', 1)}/_stcore/stream"
    with connect(stream, origin=address, subprotocols=["streamlit"], max_size=None) as socket:  # pyright: ignore
        run = BackMsg()
        run.rerun_script.page_name = page
        socket.send(run.SerializeToString())
        while True:
            message = ForwardMsg()
            message.ParseFromString(socket.recv(timeout=PATIENCE_S))  # pyright: ignore
            said.append(str(message))
            if message.WhichOneof("type") == "script_finished":
                return "\n".join(said)


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit there")
@pytest.mark.parametrize(
    ("limit", "hard", "n_loads"), [(1024, 4096, LOADS), (256, 4096, LOADS), (150, 150, 60)]
)
def test_the_server_still_answers(limit: int, hard: int, n_loads: int, tmp_path: Path) -> None:
    import resource

    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    environment = os.environ | {"TUNING_FORK_HOME": str(tmp_path)}
    log = tmp_path / "server.log"
    with log.open("w") as out:
        server = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=out, stderr=out,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard)),
        )  # fmt: skip
    address = f"http://localhost:{port}"
    try:
        wait_for(lambda: listens(port))
        pages = ("", "forgetting", "runs", "lora")
        was_told = False
        for n in range(n_loads):
            was_told = "Too many pages are open" in load(address, pages[n % len(pages)])
            if was_told:
                break
        assert was_told == (hard < 1024)  # in time, not left waiting
        if not was_told:  # 128 closed pages are kept, with three descriptors each
            assert psutil.Process(server.pid).num_fds() < 600
        assert (
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=PATIENCE_S).read() == b"ok"
        )
    finally:
        server.terminate()
        server.wait(timeout=PATIENCE_S)
    assert log.stat().st_size < 100_000
