"""Fixtures of the end-to-end tests."""

from line import line_over, methods

__all__ = ["line_over", "methods"]
