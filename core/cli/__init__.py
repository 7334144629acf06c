"""The command line: `python -m core …`. Everything a page does can be done from here."""
