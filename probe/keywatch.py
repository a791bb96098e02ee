"""Following the collector's key: a receipt by another key is believed once the collector shows what leads to that key."""

import contextlib

from probe.believed import NAME, Believed
from probe.errors import StateUnusable
from probe.net.collector import Collector
from probe.outbox import Outbox
from shared import strictjson
from shared.dsse import read_envelope
from shared.errors import Malformed
from shared.keys import PublicKey
from shared.lineage import Lineage
from shared.rotation import Whose


class KeyWatch:
    """The keys of one collector, as one device believes them."""

    def __init__(self, outbox: Outbox, collector: Collector, first: PublicKey) -> None:
        """Believe the key that enrolment told, and what was followed since."""
        self._outbox, self._collector = outbox, collector
        self._believed = Believed.read(outbox.kept(NAME), first)

    @property
    def keys(self) -> Lineage:
        """The keys that are believed."""
        return self._believed.keys

    async def look_at(self, receipt: object) -> None:
        """Ask which keys follow those that are known, if a receipt is by none of them.

        Raises CollectorSilent, TwoSuccessors, or Malformed for what leads nowhere.
        """
        if not isinstance(receipt, dict):
            return  # it is no receipt, whoever signed it
        try:
            signer = read_envelope(strictjson.encode(receipt)).key_id
        except Malformed:
            return
        if signer in self.keys.by_id:
            return
        told = (await self._collector.get_collector()).fields.get("history")
        after = self._believed.after(told.get(Whose.COLLECTOR.value) if isinstance(told, dict) else None)
        if after.keys != self.keys:
            self._believed = after
            with contextlib.suppress(StateUnusable):  # a full disk: asked again after the next start
                self._outbox.keep(NAME, after.data)
        after.keys.of(signer)
