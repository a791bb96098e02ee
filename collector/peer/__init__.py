"""The measurement peer: a program of its own with its own key."""
