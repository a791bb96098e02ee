"""Reading an evidence zip without trusting it: names, sizes and numbers of members are bounded, nothing is extracted."""

import io
import zipfile
import zlib

MAX_MEMBERS = 200_000
MAX_MEMBER_BYTES = 64 * 1024 * 1024
MAX_TOTAL_BYTES = 2 * 1024 * 1024 * 1024
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class NotEvidence(Exception):
    """The file is not an evidence file at all."""


def read_archive(data: bytes) -> dict[str, bytes]:
    """The members by name; raises NotEvidence if it is no zip or one that no collector made."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            if len(infos) > MAX_MEMBERS or len({info.filename for info in infos}) != len(infos):
                raise NotEvidence("too many members, or one name twice")
            if any(info.compress_type not in PACKINGS for info in infos):
                raise NotEvidence("packed in a way that no collector uses")
            if sum(info.file_size for info in infos) > MAX_TOTAL_BYTES:
                raise NotEvidence("more than evidence ever holds")
            return {info.filename: _read(archive, info) for info in infos}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        raise NotEvidence(f"not a readable zip: {error}") from error


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    with archive.open(info) as member:
        data = member.read(MAX_MEMBER_BYTES + 1)
    if len(data) > MAX_MEMBER_BYTES:
        raise NotEvidence(f"{info.filename} is larger than any member is")
    return data
