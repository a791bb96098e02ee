"""The parts of `scripts/bench_store.py`: the data, our index, its two peers, and the table."""
