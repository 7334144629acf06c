"""Lesson: instruction fine-tuning."""
