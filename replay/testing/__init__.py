"""The tools for test suites: the decorator, the pytest plugin, field tracking."""
