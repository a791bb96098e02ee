"""Programs of others as npm has them, at pinned versions, in a folder beside the tests' interpreter."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

INSTALL_S = 120
_COMMAND = ("install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--fetch-retries=0")


def installed(package: Path, name: str) -> Path:
    """The folder in which the packages are that a `package.json` names; skips, with the reason, where they cannot be had."""
    wanted, folder = json.loads(package.read_bytes())["dependencies"], Path(sys.prefix) / name
    if not wanted.items() <= _versions(folder).items():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("npm is not installed")
        try:
            folder.mkdir(exist_ok=True)
            shutil.copy(package, folder)
            done = subprocess.run(
                (npm, *_COMMAND), cwd=folder, capture_output=True, text=True, timeout=INSTALL_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"{name} cannot be installed: {error}")
        if done.returncode != 0 or not wanted.items() <= _versions(folder).items():
            why = [line for line in done.stderr.splitlines() if line.startswith("npm error")]
            pytest.skip(f"npm cannot install {name}: {' '.join(why[:4])}")
    return folder


def _versions(folder: Path) -> dict[str, str]:
    """The versions that are there of packages that belong to somebody."""
    packages = (folder / "node_modules").glob("@*/*/package.json")
    return {said["name"]: said["version"] for said in (json.loads(file.read_bytes()) for file in packages)}
