"""`speedproof-collector` with an index that is put in order every few hundred records instead of every few million.

So a soak of minutes meets hundreds of compactions and checkpoints, and a rebuild makes its rows in a process of its own as one
of a large ledger does. Four numbers are others, all else is the program itself.

    python -m scripts.bench.soaked up …
"""

import sys
from functools import partial
from typing import Final
from unittest.mock import patch

from collector.__main__ import main
from collector.store.limits import Limits

SORT_ROWS: Final = 120
RUN_ROWS: Final = 480
CHECKPOINT_BYTES: Final = 30_000
WORTH_A_PROCESS: Final = 1000

if __name__ == "__main__":
    limits = partial(Limits, checkpoint_bytes=CHECKPOINT_BYTES, sort_rows=SORT_ROWS)
    with (
        patch.multiple("collector.config", RUN_ROWS=RUN_ROWS, Limits=limits),
        patch("collector.projecting.WORTH_A_PROCESS", WORTH_A_PROCESS),
    ):
        sys.exit(main())
