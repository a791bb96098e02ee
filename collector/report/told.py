"""What a report says beside the case itself: by whose keys it can be checked, and what goes with it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that is attached: its name, its bytes, and what it is in a line."""

    name: str
    data: bytes
    words: str


@dataclass(frozen=True, slots=True)
class Seen:
    """The log's checkpoint that goes with the case: whose, how large, its root (base64), and which witnesses saw it when."""

    origin: str
    size: int
    root: str
    vkey: str
    witnesses: tuple[tuple[str, int], ...]  # names and unix s


@dataclass(frozen=True, slots=True)
class Signing:
    """By whom the report is signed: its certificate's SHA-256, who issued that, and who stamps the time (None: nobody)."""

    certificate_sha256: str
    issuer: str
    is_own: bool  # issued under the collector's own key, not given by the operator
    stamped_by: str | None


@dataclass(frozen=True, slots=True)
class Told:
    """All of it. `listed`, `attached`: how many files the manifest lists, and how many of these are attached."""

    manifest_sha256: str
    collector: str
    portal: str
    peers: tuple[str, ...]
    seen: Seen | None
    log_wrong: str | None
    signing: Signing
    attachments: tuple[Attachment, ...]
    listed: int
    attached: int
    criteria: tuple[tuple[str, str], ...] = ()  # names and titles of the rules
