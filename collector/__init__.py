"""Receives, verifies, keeps, judges and shows measurements."""
