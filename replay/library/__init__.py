"""The library on disk: text form, files, names, lookup."""
