"""What a team decides about findings: its settings, its baseline, the fields that its tests use."""
