"""Lesson: catastrophic forgetting."""
