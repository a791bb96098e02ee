"""A clock that moves when told."""


class FakeClock:
    """Both readings, moved by hand; wall time may be set back, as on a real machine."""

    def __init__(self, wall_us: int = 1_800_000_000_000_000, mono_us: int = 0) -> None:
        """Stand still at these readings."""
        self._wall_us = wall_us
        self._mono_us = mono_us

    def wall_us(self) -> int:
        """Give the wall reading."""
        return self._wall_us

    def mono_us(self) -> int:
        """Give the monotonic reading."""
        return self._mono_us

    def advance(self, us: int) -> None:
        """Let time pass, never backwards."""
        if us < 0:
            message = "monotonic time never goes back"
            raise ValueError(message)
        self._wall_us += us
        self._mono_us += us

    def set_wall(self, wall_us: int) -> None:
        """Set the wall clock, as a time server does."""
        self._wall_us = wall_us
