"""The evidence file: made here, checked here, offline."""
