"""The name of a boot."""

from pathlib import Path

import pytest
from fakes.clock import FakeClock

from probe import boot


def test_the_kernels_own_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel names its boot, that name is taken."""
    (tmp_path / "boot_id").write_text("8d6f-1\n")
    monkeypatch.setattr(boot, "_BOOT_ID", tmp_path / "boot_id")
    assert boot.boot_id(FakeClock()) == "8d6f-1"


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_the_moment_of_booting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None) -> None:
    """Where it does not, the moment of booting stays the same while time passes."""
    if content is not None:
        (tmp_path / "boot_id").write_bytes(content)
    monkeypatch.setattr(boot, "_BOOT_ID", tmp_path / "boot_id")
    clock = FakeClock(wall_us=1_000_000_000, mono_us=5_000_000)
    before = boot.boot_id(clock)
    clock.advance(3_600_000_000)
    assert boot.boot_id(clock) == before == "since-995"
