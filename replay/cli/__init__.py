"""The command line, one module for each command: reads options, calls the rooms below, prints."""
