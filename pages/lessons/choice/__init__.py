"""Lesson: prompting or fine-tuning?"""
