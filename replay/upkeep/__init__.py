"""Looks after recordings: seals, merges, redaction again, verification."""
