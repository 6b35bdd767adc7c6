"""Asks the live source, and records its answers."""
