"""Bounds of a mean share that hold at every moment at once, however often one looks: confidence sequences by betting. Pure.

One observation a day: of S slots k, so x = k / S between 0 and 1. Against the claim "whatever came before, a day's share is m
at most on average" a gambler who begins with 1 stakes a part of what he has on each coming day being above m. If the claim
is true his wealth is not expected to grow, so it ever comes to 1/α with a probability of α at most (Ville 1939), on
whichever day one stops, and however the slots of a day hang together. The claims that he refutes so give the lower bound; the
upper one is that of 1 − x, mirrored. He has several accounts, each of which stakes always the same part (Waudby-Smith and
Ramdas 2024, "Estimating means of bounded random variables by betting", JRSS B 86, sections 4 and B.3).

All in whole numbers, what is left over of a division falling to the bank: the same days give the same bounds on every machine,
and rounding never refutes anything.
"""

from collections.abc import Sequence
from typing import Final

MILLE: Final = 1000
MILLION: Final = 1_000_000
_STAKES: Final = (1, 2, 4, 8, 12)  # sixteenths of what may be staked against a claim
_OF: Final = 16
_ONE: Final = 1 << 80
Share = tuple[int, int]  # of so many, so many


def at_least_pm(shares: Sequence[Share], alpha_ppm: int) -> int:
    """The mean share that is exceeded (per mille), unless something of a chance below `alpha_ppm` in a million has happened.

    `shares` are those of the days in their order, each as (k, S) with 0 <= k <= S; days without a slot are left out.
    """
    days = [share for share in shares if share[1]]
    refuted, open_ = 0, MILLE  # a share of all there is cannot be exceeded
    while open_ - refuted > 1:
        middle = (refuted + open_) // 2
        if _is_refuted(days, middle, alpha_ppm):
            refuted = middle
        else:
            open_ = middle
    return refuted


def at_most_pm(shares: Sequence[Share], alpha_ppm: int) -> int:
    """The mean share that is not reached, in the same sense."""
    return MILLE - at_least_pm([(of - part, of) for part, of in shares], alpha_ppm)


def _is_refuted(days: Sequence[Share], claim_pm: int, alpha_ppm: int) -> bool:
    """Whether the gambler has ever had 1/α against the claim that the mean is `claim_pm` at most.

    One account that stakes c of what may be staked has, after a day, 1 + c (x / m - 1) of what it had before.
    """
    goal = _ONE * len(_STAKES) * MILLION
    accounts = [_ONE] * len(_STAKES)
    for part, of in days:
        bank = _OF * claim_pm * of
        wins = MILLE * part - claim_pm * of
        accounts = [had * (bank + stake * wins) // bank for had, stake in zip(accounts, _STAKES, strict=True)]
        if sum(accounts) * alpha_ppm >= goal:
            return True
    return False
