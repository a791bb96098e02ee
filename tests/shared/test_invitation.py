"""The enrolment link: one spelling when made, forgiving when pasted, and never a guess."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.enrolment import CODE_SYMBOLS
from shared.errors import Malformed
from shared.invitation import Invitation, is_link, read_address, read_invitation, read_key_id

KEY = "0123456789abcdef" * 4
CODE = "7K3M9QX2TA"
codes = st.text(CODE_SYMBOLS, min_size=10, max_size=10)
addresses = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["http", "https"]),
    st.sampled_from(["proof.example.net", "127.0.0.1", "[2001:db8::1]", "localhost", "prüf.example"]),
    st.one_of(st.just(""), st.integers(1, 65535).map(":{}".format)),
    st.sampled_from(["", "/proof", "/a/b", "/enrol"]),
)


@given(addresses, codes, st.sampled_from([None, KEY]))
def test_what_is_made_is_read_again(url: str, code: str, key: str | None) -> None:
    """A link gives back the invitation it was made from."""
    invitation = Invitation(url, code, key)
    assert read_invitation(invitation.link) == invitation
    assert is_link(invitation.link)
    assert not is_link(url)


def test_how_a_link_looks() -> None:
    """The code stands behind the #, in groups of five, and the collector's key after a dot."""
    assert Invitation("https://a.example:8440", CODE).link == "https://a.example:8440/enrol#7K3M9-QX2TA"
    assert Invitation("https://a.example", CODE, KEY).link == f"https://a.example/enrol#7K3M9-QX2TA.{KEY}"


@pytest.mark.parametrize(
    "pasted",
    [
        "  https://a.example/enrol#7K3M9-QX2TA\n",
        "<https://a.example/enrol#7K3M9-QX2TA>",
        "“https://a.example/enrol#7K3M9-QX2TA”",
        "https://a.example/en\nrol#7K3M9-\r\nQX2TA.",
        "https://a.example/enrol#7k3m9qx2ta",
        "HTTPS://a.example/enrol#7K3M9-QX2TA",
    ],
)
def test_a_link_as_people_paste_it(pasted: str) -> None:
    """Brackets, quotes, broken lines, a full stop and small letters do not matter."""
    found = read_invitation(pasted)
    assert (found.url.lower(), found.code, found.collector_key) == ("https://a.example", CODE, None)


@pytest.mark.parametrize(
    ("pasted", "why"),
    [
        ("https://a.example/enrol", "looks like"),
        ("https://a.example/#7K3M9-QX2TA", "looks like"),
        ("https://a.example/enrol#7K3M9", "a code has 10"),
        ("https://a.example/enrol#", "a code has 10"),
        (f"https://a.example/enrol#7K3M9-QX2TA.{KEY}0", "64 digits"),
        ("https://a.example/enrol#7K3M9-QX2TA.abc", "64 digits"),
        ("ftp://a.example/enrol#7K3M9-QX2TA", "https://host:port"),
        ("https://me@a.example/enrol#7K3M9-QX2TA", "https://host:port"),
        ("https:///enrol#7K3M9-QX2TA", "https://host:port"),
        ("/enrol#7K3M9-QX2TA", "https://host:port"),
        ("", "https://host:port"),
    ],
)
def test_what_is_no_link(pasted: str, why: str) -> None:
    """What is not a whole link is refused with an example, never half believed."""
    with pytest.raises(Malformed, match=why):
        read_invitation(pasted)


@given(st.text())
def test_any_text_is_a_link_or_malformed(pasted: str) -> None:
    """Whatever is pasted, nothing else is raised, and what is read can be made and read again."""
    try:
        found = read_invitation(pasted)
    except Malformed:
        return
    assert read_invitation(found.link) == found


@pytest.mark.parametrize(
    "typed",
    ["", "anna", "127.0.0.1:8440", "ftp://a", "http://", "http:///v1", "http://[::1", "http://a:b", "http://a:99999",
     "http://a:0", "http://a?b", "http://a#b", "http://u@a", "http://a b", "http://a\\b", "http://a\x07b"],
)  # fmt: skip
def test_what_is_no_address(typed: str) -> None:
    """What cannot be a collector's address is refused with an example of one that can."""
    with pytest.raises(Malformed, match="https://host:port"):
        read_address(typed)


def test_an_address_in_its_one_spelling() -> None:
    """Space around it and slashes at its end are taken off."""
    assert read_address(" https://a.example:8440/proof// ") == "https://a.example:8440/proof"


def test_a_key_id() -> None:
    """A key's id may be typed in capitals; anything but 64 hex digits is refused."""
    assert read_key_id(f" {KEY.upper()} ") == KEY
    for wrong in ("", KEY[:-1], KEY + "0", "g" * 64):
        with pytest.raises(Malformed, match="64 digits"):
            read_key_id(wrong)
