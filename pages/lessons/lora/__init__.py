"""Lesson: LoRA."""
