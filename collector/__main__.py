"""`speedproof-collector`: the command line. Results go to stdout, messages to stderr; 0 worked, 1 failed, 2 misused."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from collector import say
from collector.arguments import build_parser
from collector.commands import command
from collector.errors import BadRequest
from collector.judge.errors import JudgeError
from shared.errors import SpeedproofError

WORKED, FAILED, MISUSED = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command."""
    options = build_parser().parse_args(argv)
    os.umask(0o077)
    try:
        run: Callable[[argparse.Namespace], None] = command(options.command)
        run(options)
    except (BadRequest, JudgeError) as error:
        say.message(f"speedproof-collector: {error}")
        return MISUSED
    except SpeedproofError as error:
        say.message(f"speedproof-collector: {error}")
        return FAILED
    except BrokenPipeError:
        return FAILED
    except OSError as error:
        say.message(f"speedproof-collector: {error.filename or ''}: {error.strerror or error}".replace(": : ", ": "))
        return FAILED
    except KeyboardInterrupt:
        return FAILED
    return WORKED


if __name__ == "__main__":
    sys.exit(main())
