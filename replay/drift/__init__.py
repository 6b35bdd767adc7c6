"""Drift: what differs between API versions, with evidence."""
