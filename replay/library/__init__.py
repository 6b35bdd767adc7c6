"""The library on disk: text form, files, names, lookup."""

from replay.library.library import Library

__all__ = ["Library"]
