"""Tuning Fork's engine: everything a page or the command line can do, without any user interface.

Nothing here imports Streamlit. Modules that need torch say so in their docstring and are only
imported by worker processes and the command line, never by the web process.
"""

from core import methods  # fills core.config.METHODS, without torch; see there

__all__ = ["methods"]
__version__ = "0.1.0"
