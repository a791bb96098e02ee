"""Watching the collector's log: each receipt's proof is checked, and what was shown is linked to what was shown before.

What is found is decided in `probe.transparency`; here it is asked for and kept. Nothing here keeps a batch from being sent.
"""

import contextlib
from collections.abc import Callable
from dataclasses import replace

from probe import beacons
from probe.beacons import Held
from probe.errors import CollectorSilent, StateUnusable
from probe.net.collector import Collector, Told
from probe.outbox import Outbox
from probe.transparency import MOST_LOOSE, NAME, Known
from shared import strictjson
from shared.beacon import NotCosigned, beacon_of
from shared.bundle import read_bundle
from shared.checkpoint import open_checkpoint
from shared.errors import Malformed
from shared.keys import PublicKey
from shared.lineage import Lineage
from shared.nextlog import follow_logs
from shared.note import COSIGNATURE, NoteKey, WrongNote

_OK = 200


class LogWatch:
    """The log of one collector, as one device sees it."""

    def __init__(
        self,
        outbox: Outbox,
        collector: Collector,
        own: PublicKey,
        moment: Callable[[], tuple[str, int]],
        keys: Callable[[], Lineage],
    ) -> None:
        """Watch for the device with this key; `moment` tells its boot and its clock since then (µs), `keys` the collector's."""
        self._outbox, self._collector, self._own, self._moment, self._keys = outbox, collector, own, moment, keys

    async def proof_of(self, bundle: "strictjson.JsonObject | None", pae_sha256: str) -> bytes | None:
        """The proof that came with a receipt, if it holds; what it shows of the log is kept. Raises nothing of the network's."""
        if bundle is None:
            return None
        with contextlib.suppress(CollectorSilent):
            known = known_log(self._outbox) or await self._introduced(None)
            if known is not None:
                return await self._checked(known, strictjson.encode(bundle), pae_sha256)
        return None

    async def _checked(self, known: Known, spelt: bytes, pae_sha256: str) -> bytes | None:
        try:
            bundle = read_bundle(spelt)
            if bundle.envelope.pae_sha256 != pae_sha256:
                raise Malformed("it is for another batch")
        except Malformed as error:
            self._keep(known.found_wrong(f"a receipt came with a proof that is none: {error}"))
            return None
        if bundle.log_id != known.key.whole_id:
            known = await self._introduced(known) or known
            if (
                known.loose and bundle.log_id != known.key.whole_id
            ):  # where it leads is told, how it ended not shown yet
                self._keep(known)
                return None
        after = known.met(bundle, self._own)
        if self._keep(await self._linked(after)) and after.proven > known.proven:
            return spelt
        return None

    async def _introduced(self, before: Known | None) -> Known | None:
        """The log that the collector says it has now."""
        told = await self._collector.get_log()
        vkey = told.fields.get("vkey")
        if told.status != _OK or not isinstance(vkey, str):
            return None
        try:
            NoteKey.from_vkey(vkey)
        except Malformed:
            return None
        if before is None or before.vkey == vkey:
            return self._beacons(before or Known(vkey), told)
        known = await self._led(before, told.fields.get("history"), vkey)
        return self._beacons(known, told) if known.vkey == vkey else known

    async def _led(self, known: Known, history: object, vkey: str) -> Known:
        """The log with this key, quietly if the one that is known leads there; itself, as long as its end is not linked."""
        before = known
        try:
            lines = (
                [strictjson.encode(one) for one in history if isinstance(one, dict)]
                if isinstance(history, list)
                else []
            )
            chain = follow_logs(known.key, lines, self._keys())
        except Malformed:
            chain = ()
        if not chain or chain[-1].new.vkey != vkey:
            return before.followed_by(vkey)
        for one in chain:
            known = await self._linked(known.ended(one), one.old.name)
            if known.loose and not known.wrong:
                return known
            known = known.led_to(one)
        return known

    async def _linked(self, known: Known, log: str | None = None) -> Known:
        """After asking the log for what links it to what was shown before, as far as it answers; `log`: one before it."""
        with contextlib.suppress(CollectorSilent):
            for _ in range(MOST_LOOSE):  # whoever always shows one more is asked again with the next batch
                sizes = known.to_link()
                if sizes is None:
                    break
                told = await self._collector.get_log(*sizes, *(() if log is None else (log,)))
                proof = told.fields.get("proof")
                is_proof = told.status == _OK and isinstance(proof, list)
                if not (is_proof and isinstance(proof, list)):
                    return known.not_linked(
                        *self._moment()
                    )  # what is published is a little behind: asked again next time
                after = known.linked(proof)
                if len(after.loose) == len(known.loose):  # what came was no proof
                    return after.not_linked(*self._moment())
                known = self._beacons(after, told)
        return known

    def _beacons(self, known: Known, told: Told) -> Known:
        """Learn what witnesses have cosigned; who they are is believed once, when the log is first met."""
        if not known.witnesses:
            known = replace(known, witnesses=_witnesses(told.fields.get("witnesses")))
        notes = [note for name in ("first", "cosigned") if isinstance(note := told.fields.get(name), str)]
        witness, held = known.witness, Held.read(self._outbox.kept(beacons.NAME))
        if witness is None or not notes:
            return known
        boot, mono_us = self._moment()
        try:
            after = held
            for note in notes:
                after = after.learn(beacon_of(note.encode(), known.key, witness, mono_us), boot)
            known = known.shown(open_checkpoint(notes[-1].encode(), known.key, [witness]))
        except NotCosigned:  # others have, and a quorum may do without him
            return known
        except WrongNote as error:
            return known.found_wrong(f"it shows a checkpoint that its witness did not cosign: {error}", notes[-1])
        except Malformed:
            return known
        if after != held:
            with contextlib.suppress(StateUnusable):
                self._outbox.keep(beacons.NAME, after.data)
        return known

    def _keep(self, known: Known) -> bool:
        """Keep what is known; a full disk is no news of the log's."""
        with contextlib.suppress(StateUnusable):
            self._outbox.keep(NAME, known.data)
            return True
        return False


def _witnesses(told: object) -> tuple[str, ...]:
    """Keys for cosignatures among what was told."""
    found = []
    for one in told if isinstance(told, list) else []:
        with contextlib.suppress(Malformed):
            if isinstance(one, str) and NoteKey.from_vkey(one).type == COSIGNATURE:
                found.append(one)
    return tuple(found)


def known_log(outbox: Outbox) -> Known | None:
    """What is known of the log; None if nothing is, or what was kept cannot be read."""
    try:
        found = Known.read(outbox.kept(NAME))
        if found is not None:
            found.see()
    except Malformed:
        return None
    return found


def with_proof(receipt: bytes, proof: bytes | None) -> bytes:
    """A receipt as it is kept: its line, and the proof on a line behind it."""
    return receipt if proof is None else receipt + b"\n" + proof


def without_proof(kept: bytes) -> tuple[bytes, bytes]:
    """A receipt's line, and its proof; empty if there is none."""
    line, _, proof = kept.partition(b"\n")
    return line, proof
