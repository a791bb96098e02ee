"""What a request's body is announced as, and inflating it: with a limit that holds on the way.

A batch may come gzipped. Inflating stops one byte above the limit, so that a small body which would become a huge one
costs no more than an honest one.
"""

import zlib

from starlette.requests import Request

from shared.errors import BadFormat, BadMediaType, TooLarge

_GZIP = 16 + zlib.MAX_WBITS


def announced(request: Request, media_type: str, limit: int) -> bool:
    """Whether the body is packed, by the headers; raises TooLarge or BadMediaType for what need not be read at all."""
    told = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if told != media_type:
        raise BadMediaType(1, f"the media type is {told or 'missing'}, not {media_type}")
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", "gzip"):
        raise BadMediaType(1, f"the content coding is {coding}, not gzip or none")
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > limit:
        raise TooLarge(1, f"{length} bytes are announced, at most {limit} are taken")
    return coding == "gzip"


def inflate(raw: bytes, limit: int) -> bytes:
    """What was packed, up to the limit; raises TooLarge or BadFormat."""
    inflater = zlib.decompressobj(_GZIP)
    try:
        data = inflater.decompress(raw, limit + 1)
    except zlib.error as error:
        raise BadFormat(2, f"not gzip: {error}") from error
    if len(data) > limit:
        raise TooLarge(1, f"inflates to more than {limit} bytes")
    if not inflater.eof or inflater.unused_data:
        raise BadFormat(2, "the gzip stream is cut short or followed by something else")
    return data
