"""Libraries of cassettes: their files, names and text format, and which take answers a call."""

from replay.library.library import Library

__all__ = ["Library"]
