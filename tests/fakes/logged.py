"""What a collector proves with its log, as an outsider checks it."""

import json

from fakes.device import Device
from fakes.served import Answer, Client

from shared.bundle import Bundle, check_bundle, read_bundle
from shared.checkpoint import Witnessed
from shared.note import NoteKey


def log_of(collector: Client) -> NoteKey:
    """The key of a collector's log."""
    return NoteKey.from_vkey(collector.send("GET", "/v1/log").told["vkey"])


def proven(answer: Answer, device: Device, log: NoteKey) -> tuple[Bundle, Witnessed]:
    """The bundle in an answer, which must prove that the device's batch is in the log; raises Malformed."""
    spelt = json.dumps(answer.told["bundle"], sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert b'{"bundle":%b,"receipt":' % spelt in answer.body  # spelt as the strict profile has it
    bundle = read_bundle(spelt)
    return bundle, check_bundle(bundle, device.key.public, log)
