"""Checks that a library is undamaged, recent and still true."""
