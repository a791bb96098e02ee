"""Which boot this is: the kernel's own id where there is one, the moment of booting otherwise."""

from pathlib import Path

from probe.clock import Clock

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id(clock: Clock) -> str:
    """An id that is equal within one boot; without a kernel that gives one, good to a second of clock error."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return f"since-{(clock.wall_us() - clock.mono_us()) // 1_000_000}"
