"""The thread of an engine that looks after workers and runs: nothing that goes wrong there ends it."""

import logging
import threading
from collections.abc import Callable

from core.errors import UserError
from core.runs.backoff import Backoff

LONGEST_PAUSE_S = 30.0
log = logging.getLogger(__name__)


def keep_watch(look: Callable[[], None], *, every_s: float, closed: threading.Event) -> None:
    """Call `look` until `closed` is set, ever more seldom while it fails.

    What is known, such as a database that is away, takes one line of the log, and once; what nobody foresaw is
    logged with where it came from.
    """
    trouble, pause_s, said = Backoff(first_s=every_s, most_s=LONGEST_PAUSE_S), every_s, ""
    while not closed.wait(pause_s):
        try:
            look()
        except UserError as error:
            if str(error) != said:
                said = str(error)
                log.warning("The watch over workers and runs goes on trying: %s", said)
            pause_s = trouble.failed()
        except Exception:
            # Whatever it is: without this thread no worker is replaced and no run starts.
            log.exception("The watch over workers and runs goes on trying")
            pause_s = trouble.failed()
        else:
            trouble.worked()
            pause_s, said = every_s, ""
