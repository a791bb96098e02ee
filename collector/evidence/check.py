"""Checking an evidence file, step by step, with nothing but `shared`: no database, no network, no clock.

     1  format      a manifest of a known format
     2  files       every file is the one the manifest lists, and there is no other
     3  collector   the collector's key signed the manifest; it is the key you were told, if you were told one
     4  enrolments  the portal's key bound each device's key to this subscriber; a key that took another's place was named by it,
                    and the portal revoked the keys that are said to be revoked
     5  batches     every batch: form, signature, digest, counts (FORMAT.md, steps 2 to 8)
     6  chain       each device's batches, by whichever of its keys, follow one another from the first on, none left out; of
                    those that the collector has removed by its rule the device's envelope is here, and its word that it has
     7  receipts    each batch has the collector's receipt for these very bytes
     8  complaints  each complaint was signed by one of these devices
     9  counts      the numbers in the case are those of the signed records
    10  criteria    the rules in the file are those the signed verdict names, and the case shows that verdict
    11  counter-signatures  every record, graded anew by its peer's counter-signature, has the grade the case says
    12  log         batches, enrolments and complaints are in the collector's public log, in the order in which they must have
                    come there; it is the log you were told of, and witnesses you trust have seen it, if you were told of any;
                    bundles for programs of others (`enclosed`) are what batches, proofs, tokens and keys make them
    13  kept        what the customer kept of receipts and proofs is of batches that are here, if it was given
    14  omission    what is missing is said as it is: the bound and coverage of each day, computed anew from the records;
                    numbers without a record; batches that contradict a chain; tests by hand, which count in nothing
    15  time-stamps every time-stamp is for what is here and by an authority you named, if you named one (needs speedproof[tsa])
    16  peers       objects from peers beside those from ordinary hosts over the same hours: whether a peer is favoured is what
                    the case says
    17  transfers   what peers have signed of transfers is by the keys here and about these devices; what was started and never
                    delivered is what the case says
    18  time        each batch was sealed after a witness had cosigned what it names, and before the log that has it was cosigned;
                    what is known of when, and of how wrong the device's clock was, is told
    19  starts      how many slots began at the moment drawn for them, which nobody knew before; told, fails nothing

Not checked, left to the reader: that the verdict follows from records and rule (the collector judges its own data again
with `speedproof-collector judge`), and that keys belong to whom they should. What a check cannot show stands in README.txt.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from collector.evidence import omission_step, peers_step, said_steps, signed_steps, stamped, transfer_step
from collector.evidence.archive import NotEvidence
from collector.evidence.found import Files, Found, StepFailed
from collector.evidence.logged import NO_TRUST, Trust
from shared import strictjson
from shared.errors import Malformed, Refused

FORMAT = "speedproof-evidence/1"


@dataclass(frozen=True, slots=True)
class Step:
    """How one step went: its number, its name, what was found or why it failed."""

    no: int
    name: str
    holds: bool
    detail: str


def check_evidence(files: Files, trust: Trust = NO_TRUST, kept: Files | None = None) -> list[Step]:
    """All steps up to and with the first that fails; raises NotEvidence if there is no manifest to begin with.

    `trust` is what the reader got from elsewhere, `kept` what the customer exported from his device.
    """
    return steps_of(Found(files, trust, kept))


def steps_of(found: Found, wanted: "Steps | None" = None) -> list[Step]:
    """The same for whoever wants what the steps have established too; `wanted`: these steps instead of all."""
    _format(found)
    steps = [Step(1, "format", holds=True, detail=FORMAT)]
    with _undisturbed():
        for no, (name, step) in enumerate(WALK if wanted is None else wanted, start=2):
            try:
                steps.append(Step(no, name, holds=True, detail=step(found)))
            except (StepFailed, Malformed, Refused) as error:
                steps.append(Step(no, name, holds=False, detail=str(error)))
                break
    return steps


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Without the interpreter's search for circles: of a million small objects made here none is in one."""
    was_searching = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_searching:
            gc.enable()


def _format(found: Found) -> None:
    try:
        found.manifest = strictjson.decode(found.files["manifest.json"].removesuffix(b"\n"))
    except (KeyError, Malformed) as error:
        raise NotEvidence(f"no readable manifest.json: {error}") from error
    if found.manifest.get("format") != FORMAT:
        raise NotEvidence(f"the format is {found.manifest.get('format')!r}, this checker knows {FORMAT}")


Steps = tuple[tuple[str, Callable[[Found], str]], ...]
WALK: Steps = (
    ("files", signed_steps.files),
    ("collector", signed_steps.collector),
    ("enrolments", signed_steps.enrolments),
    ("batches", signed_steps.batches),
    ("chain", signed_steps.chains),
    ("receipts", signed_steps.receipts),
    ("complaints", signed_steps.complaints),
    ("counts", said_steps.counts),
    ("criteria", said_steps.criteria),
    ("counter-signatures", said_steps.counter_signatures),
    ("log", said_steps.log),
    ("kept", said_steps.kept),
    ("omission", omission_step.omission),
    ("time-stamps", stamped.time_stamps),
    ("peers", peers_step.peers),
    ("transfers", transfer_step.transfers),
    ("time", said_steps.times),
    ("starts", said_steps.started),
)
STEPS = ("format", *(name for name, _ in WALK))  # the names of all steps, in order
