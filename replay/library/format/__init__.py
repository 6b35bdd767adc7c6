"""The text of a cassette file: reading it, writing it, and the seal in its first line."""
