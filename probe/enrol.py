"""Binding this device to a line: a key of its own, a one-time code, an answer that is checked before it is believed."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from probe.believed import check_told
from probe.errors import EnrolRefused, StateUnusable
from probe.home import Home, read_enrolled
from probe.net.collector import Collector
from probe.outbox import Outbox, is_there
from shared import strictjson
from shared.dsse import b64_exact
from shared.enrolment import NONCE_BYTES, make_request, read_code, read_enrolment
from shared.errors import Malformed
from shared.invitation import read_address
from shared.keys import PublicKey
from shared.strictjson import JsonObject

_NEEDED = ("collector", "enrolment", "peer", "portal", "slots", "subscriber")
_OURS = ("ca", "url")  # what this device knows itself and lets nobody tell it


async def enrol(
    home: Home,
    url: str,
    typed: str,
    ca: Path | None,
    told_key: str | None,
    chance: Callable[[int], bytes],
    *,
    fresh: bool = False,
) -> JsonObject:
    """Enrol and remember it; what is remembered. Raises EnrolRefused, CollectorSilent, StateUnusable, Malformed.

    `told_key` is the collector's key id if the customer got it by another way; without it the first answer is believed.
    `fresh` takes a new key and starts a new chain: needed when the outbox is lost, the key frozen, or the collector another.
    """
    url = read_address(url)
    host = urlsplit(url).hostname or ""
    signer = home.key_for_enrolment(fresh=fresh)
    request = make_request(read_code(typed), chance(NONCE_BYTES), signer)
    answer = await Collector(url, str(ca) if ca else None).enrol(read_code(typed), request)
    try:
        remembered: JsonObject = {**_checked(answer, signer.public, told_key), "url": url}
        peer = remembered["peer"]
        if isinstance(peer, dict):
            peer["host"] = peer.get("host") or host
        if ca is not None:
            remembered["ca"] = str(ca)
        line = strictjson.encode(remembered)
        enrolled = read_enrolled(line)
    except Malformed as error:
        raise EnrolRefused(f"the answer is not an enrolment of this device: {error}") from error
    was_enrolled = home.is_enrolled
    if was_enrolled and not fresh:
        try:
            check_told(enrolled.collector, home.enrolled().collector.key_id, answer.get("history"))
        except Malformed as error:
            raise EnrolRefused("this device's key has a chain at another collector; enrol with --new-key") from error
    if fresh:
        if is_there(home.outbox_folder):
            with contextlib.suppress(
                StateUnusable
            ):  # whole or damaged, it is set aside; one of an earlier version is carried over first
                Outbox(home.outbox_folder, lambda: chance(32)).close()
        home.start_anew()
    if fresh or not was_enrolled:
        Outbox(home.outbox_folder, lambda: chance(32)).close()
    home.remember(line)
    return remembered


def _checked(answer: JsonObject, ours: PublicKey, told_key: str | None) -> JsonObject:
    """What to remember, if the portal bound our key and the collector is the one we were told; unknown members are kept."""
    missing = [name for name in _NEEDED if name not in answer]
    if missing:
        raise Malformed(f"{', '.join(missing)} missing")
    collector = PublicKey.from_spki(b64_exact(answer["collector"]))
    if told_key is not None:
        check_told(collector, told_key, answer.get("history"))
    portal = PublicKey.from_spki(b64_exact(answer["portal"]))
    line = answer["enrolment"]
    if not isinstance(line, dict):
        raise Malformed("no enrolment")
    if read_enrolment(strictjson.encode(line), portal).key.key_id != ours.key_id:
        raise Malformed("it is for another key")
    return {name: value for name, value in answer.items() if name not in _OURS}
