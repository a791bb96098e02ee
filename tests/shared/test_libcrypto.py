"""libcrypto by ctypes: where it is looked for, what is no libcrypto, and that it leaves nothing behind."""

import ctypes
import ctypes.util
import gc
import ssl

import pytest

from shared import libcrypto
from shared.errors import NoKey


@pytest.fixture(scope="module")
def library() -> libcrypto.LibCrypto:
    """Give this machine's libcrypto."""
    return libcrypto.load()


def test_names_by_platform() -> None:
    """The name that Python's own `ssl` uses comes first; on macOS none is tried, since the system's ends the process."""
    assert libcrypto.names("android", 3) == ("libcrypto.so.3", "libcrypto.so")
    assert libcrypto.names("linux", 4) == ("libcrypto.so.4", "libcrypto.so.3", "libcrypto.so")
    assert libcrypto.names("win32", 3) == ("libcrypto-3.dll", "libcrypto-3-x64.dll", "libcrypto-3-arm64.dll")
    assert libcrypto.names("darwin", 3) == ()


def test_another_library_of_that_name_is_not_taken() -> None:
    """A library that is missing, or lacks a function as Android's own does, is passed over; none is an error in words."""
    with pytest.raises(NoKey, match="pkg install openssl"):
        libcrypto.load(["libnothing-of-this-name.so", ctypes.util.find_library("c") or "libc.so.6"])


def test_every_function_is_bound_with_its_types(library: libcrypto.LibCrypto) -> None:
    """No function keeps the default, under which a pointer of 64 bits would be cut."""
    for name, (result, arguments) in libcrypto._PROTOTYPES.items():
        function = getattr(library.c, name)
        assert (function.restype, function.argtypes) == (result, arguments)


def test_no_error_is_left_for_others(library: libcrypto.LibCrypto) -> None:
    """What was refused leaves nothing in the queue of errors that `ssl` shares, neither does what was taken."""
    system = ctypes.CDLL(libcrypto.names("linux", ssl.OPENSSL_VERSION_INFO[0])[0])
    system.ERR_peek_error.restype = ctypes.c_ulong
    key = library.generate()
    public = library.public(key.spki)
    for attempt in (
        lambda: public.verify(b"\x30\x00", b"x"),
        lambda: public.verify(key.sign(b"x"), b"y"),
        lambda: library.private(b"x"),
        lambda: library.private(key.pkcs8() + b"\0"),
        lambda: library.public(key.spki[:-1] + b"\0"),
    ):
        with pytest.raises(ValueError):  # noqa: PT011 - that it is refused is enough here
            attempt()
        assert system.ERR_peek_error() == 0
    library.private(key.pkcs8())
    assert system.ERR_peek_error() == 0


def test_bytes_after_a_key_are_refused(library: libcrypto.LibCrypto) -> None:
    """A key ends where its encoding ends."""
    with pytest.raises(ValueError, match="bytes after the key"):
        library.private(library.generate().pkcs8() + b"\0")


def test_keys_are_given_back(library: libcrypto.LibCrypto) -> None:
    """A key that nobody holds any more is freed, and so wiped, once; one that was never made is not."""
    freed: list[int] = []
    held = libcrypto._Held(7, freed.append)
    del held
    gc.collect()
    assert freed == [7]
    with pytest.raises(ValueError, match="could not"):
        libcrypto._Held(None, freed.append)
    gc.collect()
    assert freed == [7, 0]


def test_more_than_the_library_counts(library: libcrypto.LibCrypto) -> None:
    """A piece whose length does not fit the library's integer is refused before the library hears of it."""
    with pytest.raises(ValueError, match="at once"):
        library.key_stream(bytes(32), bytes(16))(1 << 31)
