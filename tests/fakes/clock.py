"""A clock that moves when told."""


class FakeClock:
    """All readings, moved by hand; wall time may be set back, and the device may sleep, as a real one."""

    def __init__(
        self, wall_us: int = 1_800_000_000_000_000, mono_us: int = 0, zone: tuple[int, str] = (0, "UTC")
    ) -> None:
        """Stand still at these readings."""
        self._wall_us = wall_us
        self._mono_us = self._awake_us = mono_us
        self._zone = zone

    def wall_us(self) -> int:
        """Give the wall reading."""
        return self._wall_us

    def mono_us(self) -> int:
        """Give the monotonic reading."""
        return self._mono_us

    def awake_us(self) -> int:
        """Give the reading that stands still in sleep."""
        return self._awake_us

    def zone(self, wall_us: int) -> tuple[int, str]:
        """Give the zone it was told."""
        del wall_us
        return self._zone

    def advance(self, us: int, *, asleep: bool = False) -> None:
        """Let time pass, never backwards; asleep or awake."""
        if us < 0:
            message = "monotonic time never goes back"
            raise ValueError(message)
        self._wall_us += us
        self._mono_us += us
        self._awake_us += 0 if asleep else us

    def reboot(self, off_us: int, *, keeps_time: bool = True) -> None:
        """Be off for so long and start anew; without a clock of its own the wall clock goes on where it stopped."""
        self._wall_us += off_us if keeps_time else 0
        self._mono_us = self._awake_us = 0

    def set_wall(self, wall_us: int) -> None:
        """Set the wall clock, as a time server does."""
        self._wall_us = wall_us
