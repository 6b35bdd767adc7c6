"""Redaction: what a cassette may hold. Default deny."""
