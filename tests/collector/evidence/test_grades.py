"""Evidence lets anyone grade its records again, with the peers' keys that are in it, and finds what the collector found."""

import contextlib
import json
from collections.abc import Iterator

import pytest
from fakes.case import Case
from fakes.clock import FakeClock
from fakes.cosign import OTHER_PEER, PEER, bearing, download, transfer, trust
from fakes.history import History

from collector.config import Config
from collector.evidence.bundle import make_evidence
from collector.evidence.check import Step, check_evidence
from collector.evidence.grades import told_in
from collector.services import Services
from shared.errors import Malformed
from shared.keys import PublicKey

FOLDER = "keys/peers/"
ODD = {"direction": "down", "grade": "one_sided", "reason": None, "n": "many"}


@pytest.fixture(scope="module")
def cosigned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """A line of two devices: sessions used once, used again and borrowed, a foreign peer, and none."""
    config = Config(data=tmp_path_factory.mktemp("data"))
    trust(config.data, PEER)
    with contextlib.closing(Services.over_folder(config, FakeClock())) as services:
        history = History(services)
        one, two = history.device("line-0"), history.device("line-0")
        foreign = bearing(download(two.dev), transfer(two.dev), OTHER_PEER)
        history.batch(two, download(one.dev), foreign)
        history.batch(one, download(one.dev), download(one.dev, sid="second", dur_us=9))
        history.batch(one, download(one.dev), {"end": "ok", "method": "upload"})
        history.batch(two, download(two.dev), {"end": "ok", "method": "fetch"})
        yield Case(services, history, make_evidence(services, "line-0"))


def last(case: Case, files: dict[str, bytes]) -> Step:
    """The last step that was gone through, with these members under a manifest made to fit."""
    return check_evidence(case.signed_anew(files))[-1]


def test_anyone_finds_the_same_grades(cosigned: Case) -> None:
    """The checker grades every record as the collector did, and names the keys this rests on."""
    step = check_evidence(cosigned.files)[10]
    assert (step.no, step.name, step.holds) == (11, "counter-signatures", True)
    words, _, trusted = step.detail.partition("; ")
    assert words == (
        "2 of 7 transfers counter-signed, the others one-sided: "
        "1 duration_apart, 1 no_counter_signature, 1 other_device, 1 session_reused, 1 unknown_peer"
    )
    own = next(key for key in cosigned.services.peers.values() if key.key_id != PEER.public.key_id)
    assert set(trusted.partition(": ")[2].split(", ")) == {own.key_id, PEER.public.key_id}


def test_the_keys_are_in_the_file(cosigned: Case) -> None:
    """Every key the collector trusted is there under its id, and no private one."""
    files = cosigned.files
    found = {name: PublicKey.from_pem(data) for name, data in files.items() if name.startswith(FOLDER)}
    assert {name: key.key_id for name, key in found.items()} == {
        f"{FOLDER}{key.key_id}.pem": key.key_id for key in cosigned.services.peers.values()
    }
    assert not any(b"PRIVATE" in data for data in files.values())


def test_the_case_tells_the_grades(cosigned: Case) -> None:
    """The case in the file counts its transfers by direction, grade and reason."""
    told = json.loads(cosigned.files["case.json"])["grades"]
    assert {"direction": "down", "grade": "counter_signed", "reason": None, "n": 2} in told
    assert {"direction": "up", "grade": "one_sided", "reason": "no_counter_signature", "n": 1} in told
    assert sum(one["n"] for one in told) == 7


def test_a_key_taken_out_or_put_in_shows(cosigned: Case) -> None:
    """Who changes which peers are trusted, and nothing else, changes the grades, and is found out."""
    files = cosigned.files
    del files[f"{FOLDER}{PEER.public.key_id}.pem"]
    assert "found are 0 of 7" in last(cosigned, files).detail
    added = cosigned.files | {f"{FOLDER}{OTHER_PEER.public.key_id}.pem": OTHER_PEER.public.to_pem()}
    assert "found are 3 of 7" in last(cosigned, added).detail


def test_a_key_that_is_none(cosigned: Case) -> None:
    """Something else in the place of a key is refused at the step that needs it."""
    step = last(cosigned, cosigned.files | {f"{FOLDER}x.pem": b"no key"})
    assert (step.no, step.holds) == (11, False)


def test_evidence_from_before_there_were_grades(cosigned: Case) -> None:
    """A case that says nothing of grades still holds; what is found is told."""
    files = {name: data for name, data in cosigned.files.items() if not name.startswith(FOLDER)}
    told = json.loads(files["case.json"])
    del told["grades"]
    files["case.json"] = json.dumps(told).encode()
    steps = check_evidence(cosigned.signed_anew(files))
    assert all(step.holds for step in steps)
    step = next(step for step in steps if step.name == "counter-signatures")
    assert step.detail.endswith("trusted by the collector: none")


@pytest.mark.parametrize("grades", [{}, [7], [{"direction": "down"}], "none", 7, [ODD], [ODD | {"n": 1, "reason": 7}]])
def test_grades_that_cannot_be_read(cosigned: Case, grades: object) -> None:
    """Whatever stands in the place of the grades is a step that fails, and no crash."""
    told = json.loads(cosigned.files["case.json"]) | {"grades": grades}
    step = last(cosigned, cosigned.files | {"case.json": json.dumps(told).encode()})
    assert (step.no, step.holds) == (11, False)


def test_a_case_that_is_no_case() -> None:
    """What is no JSON object is refused; one that says nothing of grades says nothing."""
    for data in (b"{", b"7"):
        with pytest.raises(Malformed):
            told_in(data)
    assert told_in(b"{}") is None
