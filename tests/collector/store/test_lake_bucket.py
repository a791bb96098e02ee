"""A lake whose files are in a bucket."""

import contextlib
import os
from pathlib import Path

import pytest
from fakes import postgres
from fakes.device import download
from fakes.streams import Streams

from collector.errors import IndexUnusable
from collector.store.address import LakeAddress
from collector.store.lake import LakeStore
from collector.store.limits import Limits


def test_a_bucket_holds_the_files(bucket: str, cluster: postgres.Cluster, tmp_path: Path) -> None:
    """Loaded, put in order and asked again by another collector, all is there; on this disk nothing is."""
    address = LakeAddress(cluster.database(), bucket.format("lake" + os.urandom(3).hex()))
    streams = Streams()
    streams.line("line-0")
    device = streams.device("line-0")
    for _ in range(3):
        streams.batch(device, [download(), download()], 5)
    with contextlib.closing(LakeStore(address, tmp_path / "one", limits=Limits(run_rows=4))) as store:
        store.load(streams.entries[0])
        assert store.compact() == 6
        rows = store.timeline("line-0")
    assert len(rows) == 6
    with contextlib.closing(LakeStore(address, tmp_path / "other", 1)) as other:
        assert other.timeline("line-0") == rows
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_bucket_needs_credentials(
    bucket: str, cluster: postgres.Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without credentials for the bucket the store says so and does not begin."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(IndexUnusable, match="no credentials"):
        LakeStore(LakeAddress(cluster.database(), bucket.format("x")), tmp_path)
