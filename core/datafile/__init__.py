"""A data file as people have it, of any usual kind and encoding, to the pairs that core/data/intake finds in it.

What intake reads is UTF-8 text: JSONL, JSON or CSV. Here other encodings (`encoding`), spreadsheets and Parquet
(`tables`) and other layouts of chats (`chats`) are written as such text, each row on the line it had, so that a
sentence still names the line to mend. What was recognised is named in the `Dataset`; nothing is guessed silently.
"""

from core.datafile.read import FILE_TYPES, read, read_file

__all__ = ["FILE_TYPES", "read", "read_file"]
