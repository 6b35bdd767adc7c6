"""What `replay doctor` looks at, a module each, and the report that it makes of it."""
