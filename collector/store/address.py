"""Where a lake is: read from the configuration, without touching it."""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from collector.errors import BadRequest


@dataclass(frozen=True, slots=True)
class LakeAddress:
    """Where the catalog is (a PostgreSQL address) and where the files are (a folder or `s3://bucket/prefix?endpoint=URL`)."""

    catalog: str
    files: str

    @property
    def bucket(self) -> tuple[str, str] | None:
        """The bucket with its prefix, and the endpoint (empty: the usual one); None for a folder."""
        if not self.files.startswith("s3://"):
            return None
        parts = urlsplit(self.files)
        prefix = parts.path.strip("/")
        where = f"s3://{parts.netloc}/{prefix}/" if prefix else f"s3://{parts.netloc}/"
        return where, parse_qs(parts.query).get("endpoint", [""])[0]


def read_lake(catalog: object, files: object) -> LakeAddress:
    """The address of a lake as the configuration says it; raises BadRequest."""
    if not isinstance(catalog, str) or not catalog.startswith(("postgresql://", "postgres://")):
        raise BadRequest("catalog is an address such as postgresql://user@host/database")
    if not isinstance(files, str) or not files.startswith(("/", "s3://")):
        raise BadRequest("lake is an absolute folder that all collectors share, or s3://bucket/prefix?endpoint=URL")
    if files.startswith("s3://"):
        parts = urlsplit(files)
        told = parse_qs(parts.query, keep_blank_values=True)
        endpoint = told.pop("endpoint", ["http://"])
        is_known = len(endpoint) == 1 and endpoint[0].startswith(("http://", "https://"))
        if not parts.netloc or told or parts.fragment or not is_known:
            raise BadRequest(f"lake: {files!r} is not s3://bucket/prefix?endpoint=URL")
    return LakeAddress(catalog, files)
