"""A team's decisions about findings: its settings, its baseline, the fields that its tests use."""
