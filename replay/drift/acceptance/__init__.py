"""What a team has settled about findings: baseline, gate, fields in use."""
