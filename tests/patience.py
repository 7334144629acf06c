"""Waiting for what must come: so long that only what hangs takes longer, however busy the machine."""

import socket
import time
from collections.abc import Callable

PATIENCE_S = 300.0


def wait_for(condition: Callable[[], object], *, look_s: float = 0.1) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(look_s)


def listens(port: int) -> bool:
    """Whether a server on this machine takes connections."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S).close()
    except OSError:
        return False
    return True
