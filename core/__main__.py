"""`python -m core …`: see `core.cli`."""

import contextlib
import os
import sys

from core.cli.main import main
from core.openmp import spin_briefly

if __name__ == "__main__":
    spin_briefly()  # the commands import torch later
    status = main(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # its reader has gone
            stream.flush()
    os._exit(status)  # unloading torch in good order takes a second and serves nobody
