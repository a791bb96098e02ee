"""The primitives by way of OpenSSL 3's libcrypto and `ctypes`: for phones and old boards, where nothing is compiled.

Every function is bound with the types of its arguments and of its result, and all of them before the first is called: a
pointer must not be cut to an `int`, and a library that lacks one is another library. It is found by the name under
which Python's own `ssl` has it loaded; never by `ctypes.util.find_library`, which on Android names the system's own
BoringSSL, nor at all on macOS, where loading the system's ends the process. No callback is made: that needs memory
that is both written and executed, which a hardened service may not have.

A key is a pointer that frees, and so wipes, what it points at when nobody holds it any more. After every call that may
fail the thread's queue of errors is emptied: `ssl` shares it, and would take an old error for one of its connection.
"""

import ctypes
import ssl
import sys
from collections.abc import Callable, Iterable
from ctypes import POINTER, byref, c_char_p, c_int, c_long, c_size_t, c_uint, c_void_p

from shared.errors import NoKey

_ROOM_BYTES = 80  # a signature, DER of two numbers of 256 bits, has at most 72
_MOST_BYTES = 1 << 30  # a C int holds no more than twice that
_ED25519_START = bytes.fromhex("302a300506032b6570032100")  # SubjectPublicKeyInfo up to the key (RFC 8410)
_ED25519_BYTES = 32
_UNSIGNED = 2  # OSSL_PARAM_UNSIGNED_INTEGER

_PROTOTYPES: dict[str, tuple[object, tuple[object, ...]]] = {
    "ERR_clear_error": (None, ()),
    "EVP_CIPHER_CTX_free": (None, (c_void_p,)),
    "EVP_CIPHER_CTX_new": (c_void_p, ()),
    "EVP_DigestSign": (c_int, (c_void_p, c_char_p, POINTER(c_size_t), c_char_p, c_size_t)),
    "EVP_DigestSignInit": (c_int, (c_void_p, POINTER(c_void_p), c_void_p, c_void_p, c_void_p)),
    "EVP_DigestVerify": (c_int, (c_void_p, c_char_p, c_size_t, c_char_p, c_size_t)),
    "EVP_DigestVerifyInit": (c_int, (c_void_p, c_void_p, c_void_p, c_void_p, c_void_p)),
    "EVP_EncryptInit_ex": (c_int, (c_void_p, c_void_p, c_void_p, c_char_p, c_char_p)),
    "EVP_EncryptUpdate": (c_int, (c_void_p, c_void_p, POINTER(c_int), c_void_p, c_int)),
    "EVP_MD_CTX_free": (None, (c_void_p,)),
    "EVP_MD_CTX_new": (c_void_p, ()),
    "EVP_PKEY2PKCS8": (c_void_p, (c_void_p,)),
    "EVP_PKEY_CTX_free": (None, (c_void_p,)),
    "EVP_PKEY_CTX_new_from_name": (c_void_p, (c_void_p, c_char_p, c_char_p)),
    "EVP_PKEY_CTX_new_from_pkey": (c_void_p, (c_void_p, c_void_p, c_char_p)),
    "EVP_PKEY_CTX_set_group_name": (c_int, (c_void_p, c_char_p)),
    "EVP_PKEY_CTX_set_params": (c_int, (c_void_p, c_void_p)),
    "EVP_PKEY_check": (c_int, (c_void_p,)),
    "EVP_PKEY_free": (None, (c_void_p,)),
    "EVP_PKEY_generate": (c_int, (c_void_p, POINTER(c_void_p))),
    "EVP_PKEY_keygen_init": (c_int, (c_void_p,)),
    "EVP_PKEY_set_utf8_string_param": (c_int, (c_void_p, c_char_p, c_char_p)),
    "EVP_aes_256_ctr": (c_void_p, ()),
    "EVP_sha256": (c_void_p, ()),
    "OpenSSL_version": (c_char_p, (c_int,)),
    "PKCS8_PRIV_KEY_INFO_free": (None, (c_void_p,)),
    "d2i_AutoPrivateKey": (c_void_p, (c_void_p, POINTER(c_void_p), c_long)),
    "d2i_PUBKEY": (c_void_p, (c_void_p, POINTER(c_void_p), c_long)),
    "i2d_PKCS8_PRIV_KEY_INFO": (c_int, (c_void_p, c_void_p)),
    "i2d_PUBKEY": (c_int, (c_void_p, c_void_p)),
}


class _Param(ctypes.Structure):
    """OSSL_PARAM."""

    _fields_ = (
        ("key", c_char_p),
        ("data_type", c_uint),
        ("data", c_void_p),
        ("data_size", c_size_t),
        ("return_size", c_size_t),
    )


_ONE = c_uint(1)
# Nonces by RFC 6979. OpenSSL before 3.2 says yes to this and does not do it: valid signatures, each time another.
_BY_RFC_6979 = (_Param * 2)(
    _Param(b"nonce-type", _UNSIGNED, ctypes.cast(byref(_ONE), c_void_p), ctypes.sizeof(_ONE), 0), _Param()
)


def names(platform: str, major: int) -> tuple[str, ...]:
    """The names under which the library may be loaded, the one that Python's `ssl` uses first."""
    if platform == "darwin":
        return ()
    if platform == "win32":
        return tuple(f"libcrypto-{major}{machine}.dll" for machine in ("", "-x64", "-arm64"))
    return tuple(dict.fromkeys((f"libcrypto.so.{major}", "libcrypto.so.3", "libcrypto.so")))


def load(known_as: Iterable[str] | None = None) -> "LibCrypto":
    """Load the library under the first name that gives one with all its functions; raises NoKey with what to install."""
    for name in names(sys.platform, ssl.OPENSSL_VERSION_INFO[0]) if known_as is None else known_as:
        try:
            return LibCrypto(ctypes.CDLL(name))
        except (OSError, AttributeError):  # not there; or another library of this name
            continue
    raise NoKey(
        "nothing here can sign or verify: install `cryptography`, or OpenSSL 3 (on Termux: pkg install openssl)"
    )


class _Held:
    """A pointer to what one of the library's functions made; given back when nobody holds it any more."""

    __slots__ = ("_free", "pointer")

    def __init__(self, pointer: int | None, free: Callable[[int], None]) -> None:
        self._free, self.pointer = free, pointer or 0
        if not pointer:
            raise ValueError("the library could not make it, or could not read it")

    def __del__(self) -> None:
        self._free(self.pointer)  # nothing was made: the library's functions take 0 and do nothing


class LibCrypto:
    """OpenSSL's libcrypto, bound."""

    def __init__(self, library: ctypes.CDLL) -> None:
        """Bind every function; raises AttributeError if one is not there."""
        for name, (result, arguments) in _PROTOTYPES.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
        self.c = library
        self.sha256 = library.EVP_sha256()
        self.name = f"libcrypto ({library.OpenSSL_version(0).decode()})"

    def generate(self) -> "LibCryptoPrivate":
        """Make a new key."""
        made = c_void_p()
        context = _Held(self.c.EVP_PKEY_CTX_new_from_name(None, b"EC", None), self.c.EVP_PKEY_CTX_free)
        self.must(self.c.EVP_PKEY_keygen_init(context.pointer))
        self.must(self.c.EVP_PKEY_CTX_set_group_name(context.pointer, b"P-256"))
        self.must(self.c.EVP_PKEY_generate(context.pointer, byref(made)))
        return LibCryptoPrivate(self, self.key(made.value))

    def private(self, der: bytes) -> "LibCryptoPrivate":
        """Read a private key; raises ValueError."""
        key = self.read(self.c.d2i_AutoPrivateKey, der)
        self.must(self.c.EVP_PKEY_set_utf8_string_param(key.pointer, b"point-format", b"uncompressed"))
        context = _Held(self.c.EVP_PKEY_CTX_new_from_pkey(None, key.pointer, None), self.c.EVP_PKEY_CTX_free)
        self.must(self.c.EVP_PKEY_check(context.pointer))
        return LibCryptoPrivate(self, key)

    def public(self, spki: bytes) -> "LibCryptoPublic":
        """Read a public key; raises ValueError."""
        return LibCryptoPublic(self, self.read(self.c.d2i_PUBKEY, spki))

    def ed25519(self, raw: bytes) -> "LibCryptoPublic":
        """Read an Ed25519 public key; raises ValueError."""
        if len(raw) != _ED25519_BYTES:
            raise ValueError(f"an Ed25519 key has {_ED25519_BYTES} bytes")
        return LibCryptoPublic(self, self.read(self.c.d2i_PUBKEY, _ED25519_START + raw), hashed=False)

    def key_stream(self, key: bytes, counter: bytes) -> Callable[[int], bytes]:
        """Begin a stream."""
        if (len(key), len(counter)) != (32, 16):
            raise ValueError("AES-256-CTR takes 32 bytes of key and 16 of counter")
        context = _Held(self.c.EVP_CIPHER_CTX_new(), self.c.EVP_CIPHER_CTX_free)
        self.must(self.c.EVP_EncryptInit_ex(context.pointer, self.c.EVP_aes_256_ctr(), None, key, counter))

        def take(n_bytes: int) -> bytes:
            if n_bytes > _MOST_BYTES:
                raise ValueError(f"{n_bytes} bytes are more than the library counts at once")
            piece = ctypes.create_string_buffer(n_bytes)
            self.must(self.c.EVP_EncryptUpdate(context.pointer, piece, byref(c_int()), piece, n_bytes))
            return piece.raw

        return take

    def must(self, answer: int) -> None:
        """Take 1 for an answer; raises ValueError for any other."""
        if answer != 1:
            self.c.ERR_clear_error()
            raise ValueError("the library refuses")

    def key(self, pointer: int | None) -> _Held:
        """Hold a key; raises ValueError if there is none."""
        self.c.ERR_clear_error()  # reading tries one form after the other, and leaves what it tried in vain
        return _Held(pointer, self.c.EVP_PKEY_free)

    def read(self, read: Callable[..., int | None], der: bytes) -> _Held:
        """Read a key from DER, to its end; raises ValueError."""
        start = ctypes.cast(c_char_p(der), c_void_p).value or 0
        at = c_void_p(start)
        key = self.key(read(None, byref(at), len(der)))
        if at.value != start + len(der):
            raise ValueError("bytes after the key")
        return key

    def write(self, write: Callable[..., int], pointer: int) -> bytes:
        """DER of what a pointer points at; what it was written into is wiped."""
        n_bytes = write(pointer, None)
        self.must(int(n_bytes > 0))
        room = ctypes.create_string_buffer(n_bytes)
        write(pointer, byref(c_void_p(ctypes.addressof(room))))
        der = room.raw
        ctypes.memset(room, 0, n_bytes)
        return der


class _Bound:
    """A key and the library that holds it."""

    __slots__ = ("_key", "_lib")

    def __init__(self, lib: LibCrypto, key: _Held) -> None:
        self._lib, self._key = lib, key


class LibCryptoPublic(_Bound):
    """A public key of libcrypto."""

    __slots__ = ("_digest",)

    def __init__(self, lib: LibCrypto, key: _Held, *, hashed: bool = True) -> None:
        super().__init__(lib, key)
        self._digest = lib.sha256 if hashed else None  # Ed25519 hashes by itself

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return only if the signature fits; raises ValueError."""
        lib, c = self._lib, self._lib.c
        context = _Held(c.EVP_MD_CTX_new(), c.EVP_MD_CTX_free)
        lib.must(c.EVP_DigestVerifyInit(context.pointer, None, self._digest, None, self._key.pointer))
        lib.must(c.EVP_DigestVerify(context.pointer, signature, len(signature), message, len(message)))


class LibCryptoPrivate(_Bound):
    """A private key of libcrypto."""

    __slots__ = ("spki",)

    def __init__(self, lib: LibCrypto, key: _Held) -> None:
        super().__init__(lib, key)
        self.spki = lib.write(lib.c.i2d_PUBKEY, key.pointer)

    def pkcs8(self) -> bytes:
        """The key, unencrypted."""
        c = self._lib.c
        info = _Held(c.EVP_PKEY2PKCS8(self._key.pointer), c.PKCS8_PRIV_KEY_INFO_free)
        return self._lib.write(c.i2d_PKCS8_PRIV_KEY_INFO, info.pointer)

    def sign(self, message: bytes) -> bytes:
        """The DER signature."""
        lib, c = self._lib, self._lib.c
        room, n_bytes, how = ctypes.create_string_buffer(_ROOM_BYTES), c_size_t(_ROOM_BYTES), c_void_p()
        context = _Held(c.EVP_MD_CTX_new(), c.EVP_MD_CTX_free)
        lib.must(c.EVP_DigestSignInit(context.pointer, byref(how), lib.sha256, None, self._key.pointer))
        c.EVP_PKEY_CTX_set_params(how, _BY_RFC_6979)  # a library that refuses signs with nonces of its own: as valid
        lib.must(c.EVP_DigestSign(context.pointer, room, byref(n_bytes), message, len(message)))
        return room.raw[: n_bytes.value]
