"""The provisioning file: read as it was made, by people's white space unharmed, and refused with a reason."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.enrolment import CODE_SYMBOLS
from shared.errors import Malformed
from shared.invitation import Invitation
from shared.provision import FORMAT, MAX_BYTES, Provision, read_provision, write_provision

KEY = "0123456789abcdef" * 4
WHOLE = {"format": FORMAT, "url": "https://a.example", "code": "7K3M9-QX2TA"}
texts = st.text(st.characters(codec="utf-8"), max_size=40)


@given(st.text(CODE_SYMBOLS, min_size=10, max_size=10), st.sampled_from([None, KEY]), texts, texts, texts)
def test_what_is_made_is_read_again(code: str, key: str | None, serial: str, ca: str, settings: str) -> None:
    """The file gives back what it was made from, and is ASCII."""
    provision = Provision(Invitation("https://a.example", code, key), serial, ca, settings)
    text = write_provision(provision)
    assert text.isascii()
    assert read_provision(text.encode()) == provision


def test_people_may_open_it() -> None:
    """Order, white space and members nobody knows do not matter."""
    text = json.dumps({"later": [1.5, None], **dict(reversed(WHOLE.items()))}, indent=7).encode()
    assert read_provision(text) == Provision(Invitation("https://a.example", "7K3M9QX2TA"))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"format": "speedproof-provision/v2"}, "no member format"),
        ({"format": None}, "no member format"),
        ({"url": None}, "url is missing"),
        ({"code": 7}, "code is missing"),
        ({"url": "nowhere"}, "https://host:port"),
        ({"code": "short"}, "a code has 10"),
        ({"collector_key": "abc"}, "64 digits"),
        ({"collector_key": 1}, "collector_key is not text"),
        ({"settings": {}}, "settings is not text"),
        ({"ca": None}, "ca is not text"),
    ],
)
def test_what_is_wrong_in_it(change: dict[str, object], why: str) -> None:
    """A member that is missing or cannot be used is named."""
    with pytest.raises(Malformed, match=why):
        read_provision(json.dumps(WHOLE | change).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"\xff", b"{", b"[" * 100_000, b" " * (MAX_BYTES + 1)])
def test_what_is_no_such_file(data: bytes) -> None:
    """Bytes that are no provisioning file are refused, whatever they are."""
    with pytest.raises(Malformed):
        read_provision(data)
