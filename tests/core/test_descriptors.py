"""The limit of open files is raised, and a server near it says so."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from core.descriptors import make_room

resource = pytest.importorskip("resource")


@pytest.fixture(autouse=True)
def limits() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_low_limit_is_raised_as_far_as_it_may_be() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    make_room()
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(8192, hard)


def test_a_high_limit_stays() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[0] < 8192:
        pytest.skip("the limit is low here")
    make_room()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


def test_who_comes_near_the_limit_is_told() -> None:
    """In a process of its own: a hard limit that was lowered cannot be raised again."""
    code = """
import os, resource
from core.descriptors import make_room
from core.errors import UserError
resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))
make_room()
held = [os.open(os.devnull, os.O_RDONLY) for _ in range(50)]
try:
    make_room()
except UserError as error:
    print(error)
for descriptor in held:
    os.close(descriptor)
make_room()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.startswith("Too many pages are open on this server.")
