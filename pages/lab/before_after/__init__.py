"""The questions before the first lesson and after the last."""
