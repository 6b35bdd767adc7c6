"""What test suites touch: the decorator, the pytest plugin, field tracking."""
