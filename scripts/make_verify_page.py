"""Write `verify.html`, the page that checks evidence files in a browser: `make_verify_page.py FILE`.

It is the page that a collector of this version serves and puts into evidence, to the byte.
"""

import sys
from pathlib import Path

from collector.web.verify_page import PAGE

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    Path(sys.argv[1]).write_bytes(PAGE)
