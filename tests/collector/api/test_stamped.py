"""A collector with a time-stamping authority: receipts go out at once, and who asks again later is given the token too."""

import contextlib
import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.logged import log_of, proven
from fakes.served import Served, serving
from fakes.stamping import Stamping, stamping
from fakes.tsa import Tsa

from collector.config import Config
from collector.services import Services
from shared.timestamp import check_token, read_roots

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
pytest.importorskip("rfc3161_client", reason="the extra tsa is not installed")


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Stamping]:
    """An authority."""
    with stamping(Tsa.begin(tmp_path / "tsa")) as made:
        yield made


@pytest.fixture
def stamped(tmp_path: Path, there: Stamping) -> Iterator[Served]:
    """A collector that asks it for each batch."""
    config = Config(data=tmp_path / "data", tsa=there.url, tsa_roots=there.roots, tsa_every="batch")
    with contextlib.closing(Services.over_folder(config, FakeClock())) as services, serving(services) as made:
        yield made


def test_the_token_comes_with_a_later_answer(stamped: Served, there: Stamping) -> None:
    """The first answer has none, a later one for the same batch has one over its very signature; without the authority none waits."""
    there.wrong = "500"
    device = stamped.enrolled("anna")
    body = device.next()
    answer = stamped.post_batch(body)
    assert answer.status == 201
    assert proven(answer, device, log_of(stamped))[0].tokens == ()
    assert stamped.services.publisher.holds(1, 20) is not None
    stamped.services.stamps.go_round()
    health = stamped.send("GET", "/health")
    assert (health.status, "refuses (500)" in health.told["tsa"]) == (200, True)
    there.wrong = ""
    stamped.services.stamps.go_round()
    again = stamped.post_batch(body)
    assert again.status == 200
    bundle, _ = proven(again, device, log_of(stamped))
    roots = read_roots(there.roots.read_bytes())
    assert check_token(bundle.tokens[0], sha256(bundle.envelope.signature).digest(), roots)
    assert "tsa" not in stamped.send("GET", "/health").told
    metrics = stamped.send("GET", "/metrics", headers={"Authorization": f"Bearer {stamped.token}"})
    assert b"speedproof_log_stamped_leaves 2.0" in metrics.body
