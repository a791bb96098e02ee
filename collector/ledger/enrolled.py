"""The key in an enrolment that is in the ledger: whose signatures were checked before it came there. Pure."""

from shared import statement
from shared.dsse import b64_exact, read_envelope
from shared.errors import Malformed
from shared.statement import Kind, Statement


def enrolled_dev(body: bytes) -> str:
    """The device of an enrolment's entry; raises Malformed."""
    return statement.read_statement(read_envelope(body[:-1]).payload, Kind.ENROL).subject_sha256


def enrolled_spki(told: Statement) -> bytes:
    """The device's public key (SPKI DER) in an enrol/v1 statement; raises Malformed."""
    request = told.predicate.get("request")
    if not isinstance(request, dict):
        raise Malformed("an enrolment without its request")
    asked = statement.read_statement(b64_exact(request.get("p")), Kind.ENROL_REQUEST)
    return b64_exact(asked.predicate.get("spki"))
