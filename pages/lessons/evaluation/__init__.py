"""Lesson: evaluation."""
