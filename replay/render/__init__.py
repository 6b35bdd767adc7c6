"""Render findings for people and machines."""
