"""Reports for people and machines. What a finding says is not decided here."""
