"""The log over HTTP, as somebody fetches it who trusts nobody: the tree he makes of tiles is the one that was signed."""

import time

import pytest
from fakes.device import Device
from fakes.logged import log_of, proven
from fakes.served import Served

from collector.log.files import TILE_WIDTH, split_leaves, tile_path
from shared.checkpoint import Checkpoint, open_checkpoint
from shared.dsse import b64_exact
from shared.tree import HASH_BYTES, Edge, check_consistency, leaf_hash


def checkpoint_of(served: Served, least: int = 0) -> Checkpoint:
    """The newest checkpoint, once it has so many leaves."""
    deadline = time.monotonic() + 20
    while True:
        answer = served.send("GET", "/log/checkpoint")
        if answer.status == 200:
            found = open_checkpoint(answer.body, log_of(served)).checkpoint
            if found.size >= least:
                return found
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_tree_of_tiles(served: Served, device: Device) -> None:
    """Tiles of entries and of hashes, full and partial, are those of the checkpoint; batches are among the leaves."""
    answers = [served.post_batch(body) for body in device.chain(TILE_WIDTH + 10)]
    found = checkpoint_of(served, TILE_WIDTH + 11)
    edge, leaves = Edge(), list[bytes]()
    for begin in range(0, found.size, TILE_WIDTH):
        width, tile = min(TILE_WIDTH, found.size - begin), begin // TILE_WIDTH
        some = split_leaves(served.send("GET", "/" + "log/" + tile_path(None, tile, width)).body)
        hashes = served.send("GET", "/log/" + tile_path(0, tile, width)).body
        assert [leaf_hash(leaf) for leaf in some] == [
            hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)
        ]
        leaves += some
    for leaf in leaves:
        edge.append(leaf_hash(leaf))
    assert (edge.size, edge.root()) == (found.size, found.root)
    log = log_of(served)
    for answer in (answers[0], answers[-1]):
        bundle, _ = proven(answer, device, log)
        assert leaves[bundle.proof.index] == bundle.leaf
    above = Edge()
    for leaf in leaves[:TILE_WIDTH]:
        above.append(leaf_hash(leaf))
    assert served.send("GET", "/log/" + tile_path(1, 0, 1)).body == above.root()


def test_what_is_asked_of_the_log(served: Served, device: Device) -> None:
    """Who it is, and that it grew from what somebody remembers."""
    seen = []
    for body in device.chain(4):
        served.post_batch(body)
        seen.append(checkpoint_of(served, len(seen) + 2))
    newest = seen[-1]
    for old in seen:
        told = served.send("GET", f"/v1/log?since={old.size}").told
        assert open_checkpoint(told["checkpoint"].encode(), log_of(served)).checkpoint == newest
        check_consistency(old.size, newest.size, [b64_exact(one) for one in told["proof"]], old.root, newest.root)
        between = served.send("GET", f"/v1/log?since={seen[0].size}&at={old.size}").told
        check_consistency(seen[0].size, old.size, [b64_exact(one) for one in between["proof"]], seen[0].root, old.root)


@pytest.mark.parametrize(
    "query", ["since=0", "since=-1", "since=99", "since=2&at=1", "since=1&at=99", "at=1", "since=x", "since=1.5"]
)
def test_sizes_that_never_were(served: Served, device: Device, query: str) -> None:
    """Sizes out of range, out of order or no numbers are refused by name."""
    served.post_batch(device.next())
    checkpoint_of(served, 2)
    answer = served.send("GET", f"/v1/log?{query}")
    assert (answer.status, answer.error) == (400, "bad_request")


@pytest.mark.parametrize(
    "path",
    [
        "", "0", "0/0", "0/00", "0/0000", "8/000", "-1/000", "0/001", "0/000.p/0", "0/000.p/256", "0/000.p/257", "0/000.p/03",
        "0/000.p/99", "0/x000/000", "entries/001", "entries/000.p/", "../../keys/log.key", "0/%2e%2e", "0/000/", "0/x999/x999/999",
    ],
)  # fmt: skip
def test_tiles_that_are_none(served: Served, device: Device, path: str) -> None:
    """What is no tile of this log is not found; a name has one spelling."""
    served.post_batch(device.next())
    checkpoint_of(served, 2)
    answer = served.send("GET", f"/log/tile/{path}")
    assert (answer.status, answer.error) == (404, "not_found")


def test_a_log_that_is_wrong(served: Served, device: Device) -> None:
    """Nothing is given out of a log that contradicts its ledger, and health says so; batches are kept as before."""
    served.services.publisher.wrong = "it is wrong"
    answer = served.send("GET", "/log/checkpoint")
    assert (answer.status, answer.error) == (404, "not_found")
    assert "it is wrong" in answer.told["detail"]
    health = served.send("GET", "/health")
    assert (health.status, health.told["log"]) == (503, "it is wrong")
    assert served.post_batch(device.next()).status == 201
