"""Which entries of a ledger are leaves of its log, and which leaves they are.

An entry is one if its header says who signed the envelope that its body begins with: batches (also those that were kept aside),
enrolments and complaints. The header has its number in the tree too. The leaf is made of the entry alone, and stays what it was
when the records of a batch are removed. Pure.
"""

from collector.ledger.frame import Entry
from collector.log.signed import Signed
from shared.errors import Malformed


def leaf_in(entry: Entry) -> bytes | None:
    """The leaf that an entry is, None if it is none; raises Malformed."""
    if entry.tree is None:
        return None
    if not entry.signer:
        raise Malformed("a leaf without its signer's key")
    return Signed.of(entry.body.partition(b"\n")[0], entry.signer).leaf
