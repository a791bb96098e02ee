"""Taking a new key: the chain goes on with it, and the old one is of no use to anybody any more (FORMAT.md, section 7).

    1  everything that was measured is sent by the old key
    2  a new key is made, on disk beside the old one before anybody hears of it
    3  the collector is asked; the same request may be repeated, and gets the same answer
    4  the chain is in doubt from here on: before anything is sent by the new key the collector is asked where it stands
    5  what leads to the new key is remembered, and the new key takes the old one's place

Cut off between any two, nothing is lost, and asking again goes on where it was. Until then it goes on measuring with the old key,
and what that signs after the collector had heard of the new one is refused, kept, and signed anew.
"""

from probe.agent import Agent
from probe.answers import REVOKED, Blocked
from probe.errors import RotationRefused, StateUnusable
from probe.home import Home
from probe.net.collector import Collector
from probe.upload import Uploader
from shared import strictjson
from shared.keys import FileKey
from shared.rotation import Whose, make_rotation


async def rotate(home: Home, agent: Agent, uploader: Uploader, collector: Collector) -> FileKey:
    """The new key, once it is in place. Raises RotationRefused, CollectorSilent or StateUnusable."""
    agent.close_open_intents()
    agent.seal_all()
    trouble = await uploader.send_all()
    was_asked = home.key_to_come() is not None
    if trouble is not None and not (was_asked and isinstance(trouble, Blocked) and trouble.error == REVOKED):
        raise StateUnusable(
            f"not everything is sent yet, and by the old key it has to be: {trouble.why}; try again then"
        )
    new = home.key_to_come() or home.make_key_to_come()
    line = make_rotation(Whose.DEVICE, agent.signer, new)
    try:
        await collector.rotate(line, new.public.key_id)
    except RotationRefused:
        home.drop_key_to_come()
        raise
    agent.outbox.ask()
    home.put_key(strictjson.decode(line), agent.device)
    return new
