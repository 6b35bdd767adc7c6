"""Looking after what is recorded: seals, merges, redaction again, verification."""
