"""Is the process that carries out a run still there? It signs the run with `worker_identity`."""

import os
import socket

import psutil

CREATE_TIME_TOLERANCE_S = 1.0
"""The system reports a process's start to a hundredth of a second, or a whole one."""


def worker_identity() -> str:
    """`host:pid:create_time` of this process; no later process with its number is taken for it."""
    created_at = psutil.Process().create_time()
    return f"{socket.gethostname()}:{os.getpid()}:{created_at:.2f}"


def is_gone(worker: str, *, silent_s: float, stale_s: float) -> bool:
    """Whether the process named by `worker` has ended.

    A process of this host is looked up. One that cannot be looked up, such as one of another host,
    counts as ended once it has been silent for more than `stale_s` seconds.
    """
    host, _, process = worker.partition(":")
    pid, _, created_at = process.partition(":")
    if host != socket.gethostname() or not pid.isdecimal():
        return silent_s > stale_s
    try:
        found = psutil.Process(int(pid))
        same = abs(found.create_time() - float(created_at)) <= CREATE_TIME_TOLERANCE_S
        return not same or found.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
    except (psutil.AccessDenied, ValueError):
        return silent_s > stale_s


def ended_unexpectedly(last_step: int) -> str:
    """What we tell of a run whose process is gone; `last_step` is 0 when none was recorded."""
    kept = f"Everything up to step {last_step} was kept" if last_step else "No step was completed"
    return (
        "The training process ended unexpectedly (it was stopped, or the machine ran out of "
        f"memory). {kept}; run it again."
    )
