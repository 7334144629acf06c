"""Lesson: before fine-tuning."""
