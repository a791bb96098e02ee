"""Thin shells between the cores and real sockets."""
