"""How many compiled products oneDNN keeps: set before the first product.

oneDNN writes machine code for every new shape of a product and keeps it. Batches are trees of ever new sizes
here, so the usual 1,024 entries in either of its two caches filled with code that was never run again: a
training worker grew by 25 MB a run. Each of the model's layers has the same shapes, so what one step
needs is little, and fewer entries cost no time: a run took 4.2 seconds of the processor with both.
"""

import os

KEPT = {
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "128",  # oneDNN's own
    "LRU_CACHE_CAPACITY": "64",  # of ideep, which stands between torch and oneDNN
}


def bound_caches() -> None:
    """Set it for this process and those that it starts; what the reader has set stays as it is."""
    for name, entries in KEPT.items():
        os.environ.setdefault(name, entries)
