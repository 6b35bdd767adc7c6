"""What a report asks its reader to do: the places that replace others, the edits, the brief."""
