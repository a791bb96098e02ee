"""A device as the collector sees one: a key, and batches sealed as one chain. It measures nothing."""

from dataclasses import dataclass, field

from shared.batch import FIRST_PREV, Sealing, pae_sha256_of, seal_batch
from shared.complaint import make_complaint
from shared.enrolment import NONCE_BYTES, make_request
from shared.keys import FileKey
from shared.record import write_record
from shared.strictjson import JsonObject

WALL_US = 1_800_000_000_000_000


def download(**members: object) -> JsonObject:
    """A finished download of 10 Mbit/s as a record's members, without its number."""
    return {
        "dur_us": 1_000_000,
        "end": "ok",
        "method": "download",
        "received_bytes": 1_250_000,
        "slot": 2_000_000,
        "wall_us": WALL_US,
        **members,  # type: ignore[dict-item]
    }


FAILED: JsonObject = {
    "end": "failed",
    "failure": "connection_refused",
    "method": "fetch",
    "slot": 2_000_001,
    "stage": "connect",
    "wall_us": WALL_US + 1,
}


@dataclass(slots=True)
class Device:
    """Seals the next batch of its chain; `told` moves it on as if a receipt had come."""

    key: FileKey = field(default_factory=FileKey.generate)
    batch: int = 0
    seq: int = 0
    prev: str = FIRST_PREV
    wall_us: int = WALL_US  # when it seals
    beacon: "JsonObject | None" = None  # what it names
    sealed_mono_us: int = 1

    @property
    def dev(self) -> str:
        """The key's id."""
        return self.key.public.key_id

    def seal(self, *records: JsonObject, lost: int = 0, **changed: object) -> bytes:
        """The next batch, of these records (one download by default); `changed` overrides what it says of its place."""
        place = {"batch": self.batch, "prev": self.prev, "first_seq": self.seq} | changed
        first = int(str(place["first_seq"]))
        lines = [
            write_record({**members, "seq": first + number}) for number, members in enumerate(records or (download(),))
        ]
        sealing = Sealing(
            agent="test/0",
            batch=int(str(place["batch"])),
            boot="boot",
            prev=str(place["prev"]),
            first_seq=first,
            last_seq=first + len(lines) + lost - 1,
            sealed_mono_us=self.sealed_mono_us,
            sealed_wall_us=self.wall_us,
            beacon=self.beacon,
        )
        return seal_batch(lines, sealing, self.key)

    def told(self, body: bytes, records: int = 1, lost: int = 0) -> bytes:
        """Go on behind this batch; gives it back."""
        self.batch, self.seq, self.prev = self.batch + 1, self.seq + records + lost, pae_sha256_of(body)
        return body

    def next(self, *records: JsonObject, lost: int = 0) -> bytes:
        """Seal the next batch and go on behind it."""
        return self.told(self.seal(*records, lost=lost), len(records) or 1, lost)

    def chain(self, batches: int, records: int = 1) -> list[bytes]:
        """The next batches, of so many downloads each."""
        return [self.next(*(download() for _ in range(records))) for _ in range(batches)]

    def complaint(self, text: str, wall_us: int = WALL_US) -> bytes:
        """A complaint in these words."""
        return make_complaint(text, wall_us, self.key)

    def request(self, code: str, nonce: bytes = bytes(NONCE_BYTES)) -> bytes:
        """A request to be enrolled, made with this code."""
        return make_request(code, nonce, self.key)
