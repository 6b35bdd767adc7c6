"""Finds secrets and private values in any tree of files, and proves our own cassettes clean."""
