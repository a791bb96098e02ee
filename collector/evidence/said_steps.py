"""Steps of checking an evidence file: what is said of what was signed, and where else it stands."""

from collector.evidence.casefile import CASE, read_case
from collector.evidence.dated import dated, marks_in, seen_of, witnesses_of
from collector.evidence.drawn import keys_in, plans_in, starts
from collector.evidence.enclosed import check_enclosed
from collector.evidence.found import Found, StepFailed, member
from collector.evidence.grades import peers_in, regrade, told_in
from collector.evidence.history import peers_line
from collector.evidence.kept import compare_kept
from collector.evidence.logged import log_key_of, logged
from collector.evidence.rules import rules_in
from shared import statement
from shared.errors import Malformed
from shared.record import UNCOUNTED, End
from shared.rotation import Whose


def counts(found: Found) -> str:
    """The numbers in the case are those of the signed records."""
    every = [record for opened in found.batches.values() for batch in opened for record in batch.records]
    records = [record for record in every if record.method not in UNCOUNTED]
    counted = {end.value: sum(record.end is end for record in records) for end in End}
    try:
        told = read_case(member(found, CASE))["counts"]["signed"]
    except (Malformed, KeyError, TypeError) as error:
        raise StepFailed("case.json holds no counts of signed records") from error
    for end, number in counted.items():
        if not isinstance(told, dict) or told.get(end) != number:
            raise StepFailed(f"the case says another number of {end} than the {number} in the batches", "case.json")
    return ", ".join(f"{number} {end}" for end, number in counted.items())


def criteria(found: Found) -> str:
    """The rules are those that the signed verdict names."""
    return rules_in(found.files, found.verdict)


def counter_signatures(found: Found) -> str:
    """Every record has the grade that the case says."""
    peers = peers_in(found.files)
    if (line := peers_line(found.files, peers.values())) is not None:
        found.lines[Whose.PEER] = line
    graded = regrade(found.batches.values(), peers)
    found.limited = graded.limited
    told = told_in(member(found, "case.json"))
    if told is not None and told != graded:
        raise StepFailed(f"the case says {told.in_words()}; found are {graded.in_words()}", "case.json")
    trusted = ", ".join(sorted(key.key_id for key in peers.values())) or "none"
    return f"{graded.in_words()}; peers' keys trusted by the collector: {trusted}"


def log(found: Found) -> str:
    """It is in the collector's public log, and bundles that say so are made of just that."""
    keys = {key.key_id: key for key in peers_in(found.files).values()} | found.devices
    found.logged = logged(found.files, keys, found.trust, found.chains(), found.keys, found.revoked, found.lines)
    key = None if found.logged.checkpoint is None else log_key_of(found.files, found.trust)
    number = check_enclosed(found.files, found.devices, found.logged.bundled, key)
    return f"{found.logged.words}; {number} Sigstore bundles" if number else found.logged.words


def kept(found: Found) -> str:
    """What the customer kept is of batches that are here."""
    if found.kept is None:
        return "nothing was given that the customer kept"
    shown = {batch.pae_sha256 for batches in found.chains().values() for batch in batches}
    as_of_us = statement.integer(found.manifest, "as_of_us")
    log = log_key_of(found.files, found.trust)
    return compare_kept(found.kept, shown, found.devices, found.line(Whose.COLLECTOR), log, as_of_us)


def times(found: Found) -> str:
    """Each batch was made before it was in the log, and after what it names."""
    log, witnesses = log_key_of(found.files, found.trust), witnesses_of(found.files, found.trust)
    whole = None if found.logged is None else found.logged.checkpoint
    if log is None or whole is None or found.logged is None:
        return "no log tells when anything was made"
    quorum = found.trust.quorum if found.trust.witnesses else max(1, len(witnesses))
    found.marks += marks_in(found.files, log, witnesses, quorum, whole)
    chains, trusted = found.chains().values(), bool(found.trust.witnesses)
    return dated(chains, found.logged.leaves, seen_of(found.marks), witnesses, whole.origin, trusted=trusted)


def started(found: Found) -> str:
    """Where the schedule drew them, there tests began; told only."""
    log, witnesses = log_key_of(found.files, found.trust), witnesses_of(found.files, found.trust)
    keys = {} if log is None else keys_in(found.files, log, witnesses)
    return starts(found.batches, plans_in(found.manifest), keys)
