"""The commands as a person types them, over a state folder of their own."""

from pathlib import Path

import pytest


@pytest.fixture
def person_s_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a home folder to whoever types, which is not that of whoever runs the tests."""
    home = tmp_path / "person"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home
