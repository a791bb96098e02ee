"""Measurements that others took: read strictly, kept as unsigned."""
