"""A class on one machine: its code, its learners, what each of them has, and how it ends."""
