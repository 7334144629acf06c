"""How many files and connections this process may have open at once.

Streamlit keeps what belongs to a page that was closed for two minutes, so that a reader who lost the
connection finds all as it was: three descriptors each, of 128 pages at most, besides those that are open. The
usual limits of 256 and 1,024 are soon reached so, and a server at its limit accepts nobody and hangs.
"""

import sys

import psutil

from core.errors import UserError

WANTED = 8192
FULL_AT = 0.85
"""Of the limit: the rest is for the files and connections of those who are in."""


def make_room() -> None:
    """Raise the limit as far as this process may; `UserError` when nearly all there is is in use."""
    if sys.platform == "win32":  # it has no such limit
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    endless = resource.RLIM_INFINITY
    if soft != endless and soft < WANTED:
        most = WANTED if hard == endless else min(WANTED, hard)
        if most > soft:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    if soft != endless and psutil.Process().num_fds() > FULL_AT * soft:
        raise UserError(
            "Too many pages are open on this server. Close some, and load this one again in two minutes."
        )
