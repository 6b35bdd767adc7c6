"""Redaction: decides which values a cassette may hold. Default deny."""
