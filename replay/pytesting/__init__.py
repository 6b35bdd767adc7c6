"""What the pytest plugin does once a test needs it. Loaded by `replay.pytest_plugin` alone."""
