"""How long to wait before trying again: exponential with full jitter, so that a crowd does not come back as one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """From `base_us`, doubling up to `most_us`."""

    base_us: int = 1_000_000
    most_us: int = 900_000_000

    def wait_us(self, tries: int, drawn: int, at_least_us: int = 0) -> int:
        """The wait after so many failed tries (1, 2, …); `drawn` is chance in 0..2^32-1, `at_least_us` the peer's wish."""
        ceiling_us = min(self.most_us, self.base_us << min(max(tries, 1) - 1, 30))
        jitter_us = ceiling_us * drawn >> 32
        return min(at_least_us, self.most_us) + max(jitter_us, self.base_us // 10)
