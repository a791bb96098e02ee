"""Going on in doubt: from the furthest place that is known, and asking."""

from probe.outbox.log import Log
from probe.outbox.place import Place
from probe.outbox.tables import NONE


def ask(log: Log, place: Place | None) -> None:
    """Go on asking; inside the caller's transaction."""
    chain = log.state.chain
    if place is not None and place.is_beyond(chain.stands):
        head, next_seq = place.head, max(log.state.next_seq, place.next_seq)
        chain = chain._replace(next_seq=next_seq, batch=head.batch, seq=head.seq, head=head.pae_sha256)
        log.put(chain)
    if chain.asking_from == NONE:
        log.put(chain._replace(asking_from=log.state.next_seq))
