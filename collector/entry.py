"""The way in for `speedproof-collector`: on a device that has the probe alone, it says what is missing."""

import sys


def main() -> int:
    """Run the command line; each command loads its libraries when it begins, and those may not be here."""
    try:
        from collector.__main__ import main as run  # noqa: PLC0415 - the import itself is what may fail

        return run()
    except ModuleNotFoundError as error:
        sys.stderr.write(
            f"speedproof-collector needs {error.name}, which is not installed; "
            "the server side is an extra: pip install 'speedproof[collector]'\n"
        )
        return 1
