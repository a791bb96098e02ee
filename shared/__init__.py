"""What probe and collector agree on: formats, figures, failures. No I/O, no clock, no chance (see FORMAT.md)."""
