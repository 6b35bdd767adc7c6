"""Checks a library: what is sealed, where it stands, what it says, and whether it still holds."""
