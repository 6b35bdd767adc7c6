"""Checks that a library is whole, current and still true."""
