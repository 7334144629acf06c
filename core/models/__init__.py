"""Get models ready on disk (`acquire`, `convert`) and into memory (`load`, `probe`)."""

from core.models.onednn import bound_caches

bound_caches()  # no product is computed before this package is there
