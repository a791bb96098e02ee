"""The commands of `speedproof-probe`, one module each: `add` says its words, `run` does it."""
