"""Lays out reports for people and machines. The text of a finding comes from its rule."""
