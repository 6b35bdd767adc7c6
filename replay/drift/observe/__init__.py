"""Observes recordings: marks, shapes, pairs, and which of them are evidence. Judges nothing."""
