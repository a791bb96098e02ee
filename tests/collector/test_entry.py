"""The command line on a device that has the probe alone."""

import subprocess
import sys

WITHOUT_DUCKDB = """
import sys
sys.modules["duckdb"] = None
from collector.entry import main
sys.argv = ["speedproof-collector", "--help"]
sys.exit(main())
"""


def test_a_missing_library_is_named_with_the_cure() -> None:
    """Without the server side's libraries, the command says which extra to install, and no traceback."""
    done = subprocess.run([sys.executable, "-c", WITHOUT_DUCKDB], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'speedproof[collector]'" in done.stderr
    assert "Traceback" not in done.stderr
