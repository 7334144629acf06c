"""Settings for all tests."""

from hypothesis import settings

# A slow machine is no failure (no deadline), and a run today tests what it tested yesterday.
settings.register_profile("tuning-fork", deadline=None, derandomize=True)
settings.load_profile("tuning-fork")
