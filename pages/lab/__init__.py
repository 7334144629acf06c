"""Beside the lessons: all runs, and why training is fast."""
