"""The training core: trie batches, the loop, the schedule. Needs torch."""
