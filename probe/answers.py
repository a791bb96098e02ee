"""What a collector's answer means to a probe. Pure; the sending is `probe.upload`.

200, 201 with a receipt for these very bytes   kept there: the body may go here
409, 403, 4xx                                  refused: kept, said loudly, tried again only now and then
408, 425, 429, 5xx, silence, a receipt that    later, with growing waits
is not one, and what no collector answers
"""

from dataclasses import dataclass
from typing import Final

from probe.net.collector import Told
from probe.outbox import Waiting
from shared import strictjson
from shared.chain import Head
from shared.dsse import read_envelope
from shared.errors import Malformed
from shared.lineage import Lineage
from shared.receipt import Receipt, read_receipt
from shared.statement import integer, sha256_hex

REVOKED: Final = "revoked_key"  # an answer's name; kept: the id of the key of which the collector says so
ANEW: Final = (
    "nothing that this key signs is taken any more. What was measured stays here. If the key was to be changed: "
    "speedproof-probe rotate-key goes on with that; else ask support for a code and begin anew with: "
    "speedproof-probe enrol URL CODE --new-key"
)
_CONFLICT = 409
KEPT = (200, 201)
_REFUSED = range(400, 500)
_AGAIN = (408, 425, 429)


@dataclass(frozen=True, slots=True)
class Kept:
    """The collector keeps the batch; the receipt was checked."""

    line: bytes
    receipt: Receipt
    bundle: "strictjson.JsonObject | None" = None  # the proof that the batch is in the log; nobody has checked it yet


@dataclass(frozen=True, slots=True)
class Later:
    """Not now."""

    why: str
    wait_us: int = 0
    silent: bool = False  # nobody answered


@dataclass(frozen=True, slots=True)
class Blocked:
    """The collector will not take this batch as it is; a person has to look. `error` is the name it gave, if it gave one."""

    why: str
    error: str = ""


Outcome = Kept | Later | Blocked


def understand(told: Told, waiting: Waiting, collector: Lineage) -> Outcome:
    """What an answer to a batch means; the receipt is by one of the collector's keys."""
    if told.status in KEPT:
        receipt = told.fields.get("receipt")
        if not isinstance(receipt, dict):
            return Later("the answer holds no receipt")
        line, bundle = strictjson.encode(receipt), told.fields.get("bundle")
        try:
            read = read_receipt(line, collector.of(read_envelope(line).key_id), waiting.pae_sha256)
            return Kept(line, read, bundle if isinstance(bundle, dict) else None)
        except Malformed as error:
            return Later(f"the receipt is not one: {error}")
    why = why_of(told)
    if not is_refusal(told):
        return Later(why, told.retry_after_us)
    expected = told.fields.get("expect_batch")
    more = f" (it waits for batch {expected}, we hold {waiting.batch})" if isinstance(expected, int) else ""
    name = told.words("error")
    if name == REVOKED:
        return Blocked(f"the collector says that this device's key is revoked ({why}): {ANEW}", name)
    return Blocked(f"the collector refused batch {waiting.batch}: {name or told.status}: {why}{more}", name)


def expected_of(told: Told) -> Head | Later | Blocked:
    """What an answer to the question says of where the chain stands."""
    if told.status == _CONFLICT:
        try:
            batch, seq = (integer(told.fields, name) for name in ("expect_batch", "expect_seq"))
            return Head(batch, seq, sha256_hex(told.fields, "head"))
        except Malformed as error:
            return Later(f"the collector does not say where the chain stands: {error}")
    if is_refusal(told):
        name = told.words("error")
        more = f": {ANEW}" if name == REVOKED else ""
        return Blocked(f"the collector does not say where the chain stands: {why_of(told)}{more}", name)
    return Later(why_of(told), told.retry_after_us)


def why_of(told: Told) -> str:
    """Its reason, in its words."""
    return told.words("detail") or f"answer {told.status}"


def is_refusal(told: Told) -> bool:
    """Whether the collector itself said no; a redirect, say, is some portal's on the way."""
    return told.status in _REFUSED and told.status not in _AGAIN
