"""Lab: all runs as points, by any two of their settings and results."""
