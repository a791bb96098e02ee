"""Criteria that were released stay as they are, and regimes that are not known whole are named as such."""

import hashlib
import re

import pytest

from shared.criteria.files import shipped
from shared.criteria.unsupported import UNSUPPORTED, why_unsupported

# A finding names the SHA-256 of the rule that judged. A changed rule gets an id or a file of its own, and a line of its own here;
# no line here is changed.
RELEASED = {
    "at-rtr.toml": "8e9cdd0dfaf8d7974c7dfd1e445e35462bb98c68cc8bfb647e4f52a6851c670a",
    "cz-fixed-cert.toml": "b745feb5d180bc2b7f7503886a33a62b3fbe37c6b86ab5e47fe48c0940ec968a",
    "cz-mobile-cert.toml": "39c4e95d9c8423ea6d9d50ff09bfaecfc006345fd0ce46d28bdfb2f9a94176d0",
    "de-fixed-2021.toml": "6a9fe95a15d4ea273394a86077b4e977935a44d4fe8f5b82588134ceca603d9e",
    "de-mobile-draft-2024.toml": "b2ae81bed4daa224b121850ea71d1da04c7da86359daae4ab89987694489db02",
    "in-trai-2012.toml": "053c5d571e973fe17ea437ad6b9a0f8459fa7338deeae153595f2215878a4bf0",
    "it-nemesys.toml": "2c7897ef0783a7da305feb199c2cd76c1964bf173523f547a89201feb86ae8bb",
    "si-2019.toml": "c9066adf2aa51ee10d945bebf07f90de37b112e11e6059f40062cc6553bc8da9",
    "us-bead.toml": "60c686f232c6c3cc667b7a181bf0ab724cf7223eaed622be25d4747196f4eb7e",
    "us-caf-80-80.toml": "371e2fb671446a7b5bc98b0aad1334b3c592a90c89240b4bd4999343365956a2",
    "us-mba.toml": "7c91af5fe5065d09b7d49154e276bedf65a7ef2839676d99f8dd73f15c416137",
}


def test_no_released_rule_is_changed() -> None:
    """Each shipped criterion has the very bytes it was released with, and none is gone."""
    assert {name: hashlib.sha256(content).hexdigest() for name, content in shipped().items()} == RELEASED


@pytest.mark.parametrize("name", sorted(UNSUPPORTED))
def test_a_regime_that_is_not_known_whole_says_what_is_missing(name: str) -> None:
    """Its id is no criterion's, and its words name the regime, the jurisdiction, what is missing and where the facts say so."""
    one, told = UNSUPPORTED[name], why_unsupported(name)
    assert f"{name}.toml" not in RELEASED
    assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", name)
    assert told is not None
    assert "is unsupported: " in told
    assert all(part in told for part in (name, one.regime, one.jurisdiction, one.missing, one.facts))
    assert re.fullmatch("none|[A-Z]{2}", one.jurisdiction)


def test_where_another_rule_is_named_instead_it_is_there() -> None:
    """An id that the words offer in place of an unsupported one is that of a shipped criterion."""
    offered = [
        word for one in UNSUPPORTED.values() for word in re.findall(r"[a-z]{2}-[a-z0-9]+(?:-[a-z0-9]+)*", one.missing)
    ]
    assert "cz-fixed-cert" in offered
    assert {f"{word}.toml" for word in offered} <= set(RELEASED)


def test_any_other_name_is_not_unsupported_but_unknown() -> None:
    """Neither a shipped criterion nor a name that nobody ever heard has such words."""
    assert (
        why_unsupported("pl-uke")
        == "pl-uke (UKE, certified measurement; PL) is unsupported: its deviation rule is not known (facts, sections 3a, 11)"
    )
    assert [why_unsupported(name) for name in ("cz-fixed-cert", "made-up", "")] == [None] * 3
