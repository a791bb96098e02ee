"""What is handed on of a request, and what is not; real workers and a real desk are in `test_workers_bad_input`."""

import asyncio
from collections.abc import Sequence

import pytest
from fakes import virtual
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from collector.api.intake import SILENCE_S
from collector.errors import BadRequest, TooSlow
from collector.passing import _HOP_BY_HOP, _kept, _Rest, _text, _url

TOKENS = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=12)


def request(target: bytes = b"/", query: bytes = b"", headers: Sequence[tuple[bytes, bytes]] = ()) -> Request:
    """A request as the server gives it."""
    return Request({"type": "http", "method": "GET", "raw_path": target, "query_string": query, "headers": headers})


@given(st.lists(st.tuples(TOKENS, st.binary(max_size=8))), st.lists(TOKENS, max_size=3))
def test_headers(fields: list[tuple[str, bytes]], own: list[str]) -> None:
    """Every field is handed on, in order and as often as it stands there, but those of the connection and those it names."""
    told = [(name.encode(), value) for name, value in fields if name != "connection"]
    told.append((b"connection", ", ".join(own).upper().encode()))
    kept = _kept(request(headers=told))
    assert kept == [(name.decode(), _text(value)) for name, value in told if name.decode() not in _HOP_BY_HOP | {*own}]


@given(st.binary())
def test_values(value: bytes) -> None:
    """A value that is text arrives as it was sent; any other arrives as something, and stops nothing."""
    spelt = _text(value).encode()
    try:
        value.decode()
    except UnicodeDecodeError:
        assert spelt != value
    else:
        assert spelt == value


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="?#")), st.text("abc[]=&%+?/"))
def test_targets(path: str, query: str) -> None:
    """A path is asked for as it was spelt, with its query, and always of the desk: nothing in it is taken for a host."""
    url = _url(request(b"/" + path.encode(), query.encode()))
    assert (url.scheme, url.host, url.user, url.explicit_port) == ("http", "desk", None, None)
    assert url.raw_path_qs == f"/{path}{'?' if query else ''}{query}"


@pytest.mark.parametrize("target", [b"*", b"", b"elsewhere:443", b"@elsewhere/"])
def test_what_is_no_path(target: bytes) -> None:
    """Whatever is no path is refused and not asked for."""
    with pytest.raises(BadRequest, match="no path"):
        _url(request(target))


def test_the_rest_of_a_long_body() -> None:
    """What had come and what comes is handed on in order; one that stops, or whose sender leaves, ends with the reason."""

    async def run(*messages: Message) -> tuple[bytes, type[Exception] | None, float]:
        left = list(messages)

        async def receive() -> Message:
            await asyncio.sleep(1 if left else SILENCE_S + 1)
            return left.pop(0)

        rest, found = _Rest(b"ab", receive), b""
        try:
            async for part in rest:
                found += part
        except ConnectionResetError:
            assert rest.why is not None
        return found, rest.why and type(rest.why), asyncio.get_running_loop().time()

    part: Message = {"type": "http.request", "body": b"c", "more_body": True}
    assert virtual.run(run(part, part | {"more_body": False})) == (b"abcc", None, 2)
    assert virtual.run(run(part)) == (b"abc", TooSlow, 1 + SILENCE_S)
    assert virtual.run(run(part, {"type": "http.disconnect"})) == (b"abc", BadRequest, 2)
