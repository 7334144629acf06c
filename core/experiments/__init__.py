"""Experiments: many runs whose comparison a lesson shows, from the page or headless."""
