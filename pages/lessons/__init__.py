"""The lessons, a folder each: page.py and the figures that only this lesson has."""
