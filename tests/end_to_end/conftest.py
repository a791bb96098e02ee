"""Fixtures of the end-to-end tests."""

from line import line_over

__all__ = ["line_over"]
