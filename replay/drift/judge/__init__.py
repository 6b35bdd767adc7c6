"""From evidence to findings: rules, grades, moves."""
