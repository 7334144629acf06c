"""Why training here is fast, and how fast beside the usual ways."""
