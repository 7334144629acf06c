"""What is to be known of one's own pairs before a run: found in the data themselves, without the model.

`check_data` gives findings, each with a plain sentence and the lines it is about; `expected` says how long a run
will take and how much memory, by the runs that finished here, and afterwards how far off that was.
"""

from core.datacheck.check import check_data
from core.datacheck.findings import Finding

__all__ = ["Finding", "check_data"]
