"""The catalog that several collectors share: tables of our own in the PostgreSQL that holds the lake's (schema `speedproof`)."""
