"""Other processes with a run store of their own, and changes behind the store's back."""

import os
import subprocess
import sys

from sqlalchemy import text

from core.paths import ROOT
from core.runs.schema import Database
from tests.patience import PATIENCE_S


def spawn(code: str) -> subprocess.Popen[str]:
    """Another process with its own store, on the same file."""
    preamble = (
        "import sys, time\n"
        "from core.config import RunConfig\n"
        "from core.runs.store import RunStore, worker_identity\n"
        "from core.runs.store import RunSummary\n"
        "from tests.events import sample, step\n"
        "store = RunStore()\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", preamble + code],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def output_of(process: subprocess.Popen[str]) -> list[str]:
    out, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, errors
    return out.split()


def sql(statement: str, **values: object) -> None:
    """Change the database."""
    with Database(os.environ.get("DATABASE_URL", "")).transaction() as connection:
        connection.execute(text(statement), values)
