"""The transparency log: what everybody may read of what was signed."""
