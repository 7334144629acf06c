"""How long the threads of a matrix product spin before they sleep: set before torch is loaded.

A thread that spins is ready at once for the next product, but holds its core from everyone else: with the
libraries' own settings, two trainings at once took six times as long each as one alone, with single steps of
ten seconds. Which variable counts depends on the OpenMP library that torch brings along:

    GOMP_SPINCOUNT   libgomp: Linux (turns of a loop; its own default is 300,000)
    KMP_BLOCKTIME    libomp and libiomp5: macOS, Windows, Intel's builds (milliseconds; its own default is 200)

Either library ignores the other's variable. What the reader has set stays as it is.
"""

import os
from collections.abc import Mapping

SPIN_COUNT = 10_000
"""Long enough for the pause between two products, short beside a time slice of the system. On two cores, seconds
a step alone, beside a program that uses 60 % of a core, and of each of two trainings at once: 0.31, 0.90 and
1.84 without a setting; 0.32, 0.63 and 1.11 with this one; 0.47, 0.57 and 0.58 with a tenth of it."""
BLOCK_TIME_MS = 1
"""The shortest but none: two trainings took twice as long as one, and one alone no longer than before."""
BRIEF = {"GOMP_SPINCOUNT": f"{SPIN_COUNT}", "KMP_BLOCKTIME": f"{BLOCK_TIME_MS}"}
POLICY = "OMP_WAIT_POLICY"
"""Says the same for any library, and would be overruled by either."""


def spin_briefly() -> None:
    """Set it for this process and those that it starts. Without effect once torch is loaded."""
    os.environ.update(with_brief_spin(os.environ))


def with_brief_spin(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that computes.

    >>> with_brief_spin({"KMP_BLOCKTIME": "0"})
    {'GOMP_SPINCOUNT': '10000', 'KMP_BLOCKTIME': '0'}
    """
    return dict(environment) if POLICY in environment else BRIEF | dict(environment)


def without_brief_spin(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment as a program that is not ours would have it."""
    return {name: value for name, value in environment.items() if BRIEF.get(name) != value}
