"""The values of replay: cassettes, JSON bodies, record modes. Frozen, no I/O."""
