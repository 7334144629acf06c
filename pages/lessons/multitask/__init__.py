"""Lesson: multi-task tuning."""
