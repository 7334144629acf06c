"""Lab: what a teacher needs."""
