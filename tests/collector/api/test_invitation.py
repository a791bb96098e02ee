"""Whoever opens an invitation's link in a browser learns what to do with it."""

from fakes.served import Served

from collector.web.page import CONTENT_SECURITY_POLICY


def test_the_page_behind_a_link(served: Served) -> None:
    """The page needs no key, runs no script, and says where the link belongs."""
    answer = served.send("GET", "/enrol", headers={"Accept": "text/html"})
    assert answer.status == 200
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert answer.headers["referrer-policy"] == "no-referrer"
    page = answer.body.decode()
    assert "<script" not in page
    assert "speedproof-probe enrol" in page
