"""Lesson: soft prompts."""
