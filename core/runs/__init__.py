"""Runs: their states, the store that records them, and the processes that carry them out."""
