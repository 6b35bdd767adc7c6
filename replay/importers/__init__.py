"""Reads recordings that other tools made: bytes, texts, values, and at last whole calls."""
