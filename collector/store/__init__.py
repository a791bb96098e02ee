"""The index over the ledger, and the port it is reached by."""
