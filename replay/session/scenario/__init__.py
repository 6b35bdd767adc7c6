"""Scenarios: suites that write. Recording a test's calls in order, and answering them again."""
