"""CMS messages (RFC 5652) in their one plain spelling: so that what nobody signed in them cannot be changed unseen.

Of a SignedData only the signed attributes and the signature protect themselves; versions, lists of algorithms and further
certificates do not. A message is spelt again here from its parts, the rest as it must be, and compared by the caller. An
authority's time-stamp is taken with whatever certificates it sends; ours holds none that it does not need.
"""

from typing import Any, Final

from asn1crypto import cms

_SIGNED_DATA: Final = bytes.fromhex("06092a864886f70d010702")
_DATA: Final = bytes.fromhex("06092a864886f70d010701")
_TST_INFO: Final = bytes.fromhex("060b2a864886f70d0109100104")
# SHA-256, -384, -512, each with and without the NULL of its parameters
_SHA2: Final = tuple(
    bytes.fromhex(form % number)
    for number in (1, 2, 3)
    for form in ("300b06096086480165030402%02x", "300d06096086480165030402%02x0500")
)
_SEQUENCE, _SET, _OCTETS, _FIRST, _SECOND = 0x30, 0x31, 0x04, 0xA0, 0xA1
_SHORT: Final = 0x80


def document_signature(info: cms.ContentInfo) -> bytes:
    """The signature of a document, spelt again: SHA-256, one signer, named by his certificate.

    Raises ValueError, TypeError, KeyError or AttributeError if it is no such message at all.
    """
    signed: Any = info["content"]
    (signer,) = signed["signer_infos"]
    unsigned = signer["unsigned_attrs"].contents
    attributes = _tlv(_SECOND, unsigned) if unsigned else b""
    certificates = _tlv(_FIRST, b"".join(_needed(signed, signer)))
    return _message(_version(1), signed, _DATA, certificates, _signer(signer, _version(1), attributes))


def time_stamp(info: cms.ContentInfo) -> bytes:
    """An authority's token, spelt again; raises the same."""
    signed: Any = info["content"]
    (signer,) = signed["signer_infos"]
    held = _TST_INFO + _tlv(_FIRST, _tlv(_OCTETS, signed["encap_content_info"]["content"].parsed.dump()))
    certificates = _tlv(_FIRST, signed["certificates"].contents)
    if signer["unsigned_attrs"].contents:
        raise ValueError("an attribute beside a time-stamp")
    version = signer["version"].dump()
    if version not in (_version(1), _version(3)):  # how the signer is named: by his certificate, or by his key's id
        raise ValueError("no version of a signer")
    return _message(_version(3), signed, held, certificates, _signer(signer, version, b""))


def _message(version: bytes, signed: Any, held: bytes, certificates: bytes, signer: bytes) -> bytes:  # noqa: ANN401 - untyped
    (algorithm,) = signed["digest_algorithms"]
    parts = version + _tlv(_SET, _sha2(algorithm.dump())) + _tlv(_SEQUENCE, held) + certificates + _tlv(_SET, signer)
    return _tlv(_SEQUENCE, _SIGNED_DATA + _tlv(_FIRST, _tlv(_SEQUENCE, parts)))


def _signer(signer: Any, version: bytes, attributes: bytes) -> bytes:  # noqa: ANN401 - untyped
    return _tlv(
        _SEQUENCE,
        version
        + signer["sid"].chosen.dump()
        + _sha2(signer["digest_algorithm"].dump())
        + _tlv(_FIRST, signer["signed_attrs"].contents)
        + signer["signature_algorithm"].dump()
        + _tlv(_OCTETS, signer["signature"].native)
        + attributes,
    )


def _needed(signed: Any, signer: Any) -> list[bytes]:  # noqa: ANN401 - untyped
    """The signer's certificate, and of the others those that have issued one of them."""
    found = [one.chosen for one in signed["certificates"]]
    sid = signer["sid"].chosen
    needed = [one for one in found if one.serial_number == sid["serial_number"].native and one.issuer == sid["issuer"]]
    for one in needed:
        needed += [other for other in found if other.subject == one.issuer and other not in needed]
    return [one.dump() for one in found if one in needed]


def _sha2(algorithm: bytes) -> bytes:
    if algorithm not in _SHA2:
        raise ValueError("a digest that is none of SHA-2")
    return algorithm


def _version(number: int) -> bytes:
    return bytes((0x02, 0x01, number))


def _tlv(tag: int, body: bytes) -> bytes:
    """Tag, length and value in DER (X.690, 8.1.3, 10.1)."""
    if len(body) < _SHORT:
        return bytes((tag, len(body))) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes((tag, _SHORT | len(length))) + length + body
