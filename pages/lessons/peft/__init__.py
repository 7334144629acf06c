"""Lesson: PEFT families."""
