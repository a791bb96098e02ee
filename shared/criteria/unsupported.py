"""Regimes that are known by name and cannot be judged by, each with the parameter that is not known. Guesses none.

Taken from the project's collected facts about criteria (sections 3a, 3b and 11). Who asks for one of these is told what is
missing instead of "no such criterion"; an operator who knows the rule's text can give it as a file of his own, under another id.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A regime by its name and jurisdiction (ISO 3166-1, EU for the Union), what is not known, where the facts say so."""

    regime: str
    jurisdiction: str
    missing: str
    facts: str


UNSUPPORTED: Final[Mapping[str, Unsupported]] = MappingProxyType(
    {
        "app-replay": Unsupported(
            "throttling of one application, by replay", "none",
            "a comparison of two replayed transfers (Kolmogorov-Smirnov) is not in the language of criteria", "1, 10",
        ),
        "au-accc": Unsupported(
            "ACCC, underperforming lines", "AU", 'the numbers of "underperforming" are not verified', "3b, 11",
        ),
        "berec-2017": Unsupported(
            "BEREC BoR (17) 112, measuring method (draft)", "EU",
            "it says how to measure and names no deviation; BoR (17) 178 and (22) 72 are not known", "3b, 11",
        ),
        "cz-fixed-minutes": Unsupported(
            "CTU VO-S/1/08.2020-9, fixed lines, in minutes", "CZ",
            "how drops of 3.5 and 70 minutes follow from single tests is not known; as tests: cz-fixed-cert", "3a",
        ),
        "de-fixed-2017": Unsupported(
            "measuring campaign, fixed line, before 12/2021", "DE",
            "of 20 results on 2 days neither the spacing nor the thresholds are known; since then: de-fixed-2021", "3a",
        ),
        "gr-eett": Unsupported("Greece", "GR", "no numeric rule is known", "3b, 11"),
        "hr-hakom": Unsupported(
            "HAKOM, fixed lines", "HR", "how its three results combine is not known", "3a, 11",
        ),
        "ie-comreg": Unsupported("Ireland", "IE", "no numeric rule is known", "3b, 11"),
        "in-trai-2024": Unsupported(
            "TRAI, wireless data since 10/2024", "IN",
            "its numbers are not verified; the success share of 2012: in-trai-2012", "3b, 11",
        ),
        "pl-uke": Unsupported("UKE, certified measurement", "PL", "its deviation rule is not known", "3a, 11"),
        "pt-anacom": Unsupported("Portugal", "PT", "no numeric rule is known", "3b, 11"),
        "rs-ratel": Unsupported(
            "RATEL, fixed lines", "RS",
            "its deviation rule is not given, nor which hours are its mornings and afternoons", "3a, 11",
        ),
        "si-2023": Unsupported(
            "AKOS act of 2023", "SI", "its rule is not known; the act of 2019: si-2019", "3a, 11",
        ),
        "uk-ofcom": Unsupported(
            "Ofcom, guaranteed minimum speed", "UK",
            "its line test is the provider's, and how a fault is shown to be the provider's is not known", "3a, 11",
        ),
        "us-bdc-mobile": Unsupported(
            "FCC, mobile challenges of the broadband map", "US",
            "its table of numbers is not verified, and its hexagons (H3) are not in the language of criteria", "1, 3b, 11",
        ),
    }
)  # fmt: skip


def why_unsupported(criterion: str) -> str | None:
    """Why there is no criterion of this id although the regime is known, in words; None of any other id."""
    one = UNSUPPORTED.get(criterion)
    if one is None:
        return None
    return f"{criterion} ({one.regime}; {one.jurisdiction}) is unsupported: {one.missing} (facts, sections {one.facts})"
