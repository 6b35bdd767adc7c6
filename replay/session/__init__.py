"""Answering calls: sessions, and what they play or record."""
