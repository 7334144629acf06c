"""Ways out: what a run learned, as files that work without this app."""
