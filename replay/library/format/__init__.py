"""The text form of a cassette: reading it, writing it, and the seal on it."""
