"""Pure judging: criteria as data, findings as values."""
