"""Complaints that devices signed."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from fakes.device import Device, download
from fakes.served import Served

from shared.complaint import MAX_TEXT_BYTES


def test_complaint_is_shown_in_the_customer_s_words(served: Served, device: Device) -> None:
    """What the customer said is kept to the letter, with his clock and ours."""
    words = "It's slow — “always” at 8 pm <b>&amp; 📶"
    answer = served.post_json("/v1/complaints", device.complaint(words, 7))
    assert answer.status == 201
    (kept,) = served.case("anna")["complaints"]
    assert kept == {"text": words, "said_us": 7, "received_us": answer.told["received_us"], "dev": device.dev}


def test_same_complaint_twice(served: Served, device: Device) -> None:
    """A complaint sent again, with or without its line feed, or by many at once, is one complaint."""
    line = device.complaint("slow")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda end: served.post_json("/v1/complaints", line + end), [b"", b"\n"] * 4))
    assert sorted(answer.status for answer in answers) == [200] * 7 + [201]
    assert len({answer.body for answer in answers}) == 1
    assert len(served.case("anna")["complaints"]) == 1
    assert served.post_json("/v1/complaints", device.complaint("slow", 8)).status == 201
    assert len(served.case("anna")["complaints"]) == 2


def test_signature(served: Served, device: Device) -> None:
    """Words under a signature that does not fit are refused."""
    line, other = device.complaint("slow"), device.complaint("fast")
    swapped = line.partition(b'"signatures"')[0] + b'"signatures"' + other.partition(b'"signatures"')[2]
    answer = served.post_json("/v1/complaints", swapped)
    assert (answer.status, answer.error) == (422, "bad_signature")


def test_other_statement(served: Served, device: Device) -> None:
    """Another statement of the same device, well signed, is no complaint."""
    envelope = device.seal(download()).partition(b"\n")[0]
    answer = served.post_json("/v1/complaints", envelope)
    assert (answer.status, answer.error) == (400, "bad_format")


def test_longest_complaint(served: Served, device: Device) -> None:
    """The longest words a device may sign fit through the entrance, also where each character takes two to spell."""
    for words in ("x" * MAX_TEXT_BYTES, "\\" * MAX_TEXT_BYTES, "\n".join("x" * 2000), "📶" * (MAX_TEXT_BYTES // 4)):
        assert served.post_json("/v1/complaints", device.complaint(words)).status == 201


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "{{ 7*7 }}", "</textarea>'\""])
def test_words_are_words_on_the_page(served: Served, device: Device, text: str) -> None:
    """What a customer writes is shown and never run."""
    served.post_json("/v1/complaints", device.complaint(text))
    page = served.send("GET", "/subscriber/anna", headers={"Cookie": f"speedproof_desk={served.token}"})
    assert page.status == 200
    assert b"<script>alert" not in page.body
    assert b"</textarea>'" not in page.body
