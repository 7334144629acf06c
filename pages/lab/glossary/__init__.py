"""Every term, and the search."""
