"""Get models ready on disk (`acquire`, `convert`) and into memory (`load`, `probe`)."""
