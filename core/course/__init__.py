"""The course: its lessons as data. Imports no torch and knows no user interface."""
