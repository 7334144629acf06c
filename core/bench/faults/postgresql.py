"""A real PostgreSQL server of our own, from the system's package: for the campaign of faults and for tests."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from core.errors import UserError

PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def find(program: str) -> str | None:
    """The program's path; Debian keeps those of the server out of PATH."""
    return shutil.which(program) or next(
        (str(place / program) for place in PLACES if (place / program).is_file()), None
    )


@contextmanager
def server() -> Generator[str]:
    """Start a server of its own that listens on a socket in a new folder; yields its address."""
    user = _user()
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: the path of a socket may have 107 bytes
    try:
        if user:
            os.chown(folder, user.pw_uid, user.pw_gid)
        data = str(folder / "data")
        _run(user, "initdb", "-D", data, "-A", "trust", "-U", "tester", "--no-sync", "-E", "UTF8")
        start(folder)
        try:
            yield f"postgresql://tester@/postgres?host={folder}"
        finally:
            stop(folder)
    finally:
        shutil.rmtree(folder)


def empty(address: str) -> None:
    """Drop all that the database holds."""
    engine = create_engine(address)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()


def folder_of(address: str) -> Path:
    """Where the server of an address lies."""
    return Path(address.rpartition("host=")[2])


def start(folder: Path) -> None:
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off -c max_connections=300"
    log = str(folder / "log")
    _run(_user(), "pg_ctl", "-D", str(folder / "data"), "-w", "-o", options, "-l", log, "start")


def stop(folder: Path) -> None:
    """At once, as when its machine loses power."""
    _run(_user(), "pg_ctl", "-D", str(folder / "data"), "-m", "immediate", "stop")


@contextmanager
def away(address: str) -> Generator[None]:
    """The server is stopped inside, and started again."""
    stop(folder_of(address))
    try:
        yield
    finally:
        start(folder_of(address))


def _user() -> pwd.struct_passwd | None:
    """It refuses to run as root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _run(user: pwd.struct_passwd | None, program: str, *arguments: str) -> None:
    path = find(program)
    if not path:
        raise UserError(f"PostgreSQL’s program {program} is not installed on this machine.")
    who: Any = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    done = subprocess.run(
        [path, *arguments],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        **who,
    )
    if done.returncode:
        raise UserError(f"PostgreSQL’s {program} failed: {done.stderr.strip()[-500:]}")
