"""Lesson: one base, many tasks."""
