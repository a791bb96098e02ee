"""Thin shells between the cores and real sockets.

aiohttp makes TLS contexts of its own when it is imported, and fills them with the system's authorities: two megabytes
and a tenth of the daemon's start for contexts that nothing here uses, since each connection is given its own. So it is
imported here, first of all, while there are no authorities to load.
"""

import ssl

_load = ssl.SSLContext.load_default_certs
ssl.SSLContext.load_default_certs = lambda *_: None  # type: ignore[method-assign]
try:
    import aiohttp as aiohttp
finally:
    ssl.SSLContext.load_default_certs = _load  # type: ignore[method-assign]
