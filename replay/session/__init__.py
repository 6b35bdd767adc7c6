"""Sessions: they answer calls from recordings, or record them."""
