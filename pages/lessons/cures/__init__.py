"""Lesson: cures."""
