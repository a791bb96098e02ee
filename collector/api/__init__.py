"""The HTTP surface: a route parses, calls one use case, answers."""
