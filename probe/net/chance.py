"""The probe's source of chance, as an argument: a function from a number of bytes to that many."""

from collections.abc import Callable

Chance = Callable[[int], bytes]
