"""Handing the journal of statements over to a collector: what is next, what its answers settle, when to try again. Pure.

The journal is its own outbox: it only grows, and how far it was handed over is one number, kept by `handed`. Whatever is cut
off on the way, at least everything from that number on is sent again, and the collector keeps each statement once.

A line is settled if the collector keeps it, or has it, or says that it never will (it is no statement, or is about a device that
nobody enrolled there): that is told in the log, and the line stays in the journal. One by a key that the collector does not
trust is not settled, since whoever runs it may trust it later; it and what comes behind it are tried again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shared import strictjson
from shared.errors import Malformed
from shared.transfer import MAX_STATEMENTS_BYTES

MOST_LINES: Final = 64  # at once: a request is small beside any measurement
READ_BYTES: Final = MAX_STATEMENTS_BYTES // 4
LOOK_S: Final = 1.0  # from one look at a journal with nothing new to the next
LEAST_WAIT_S: Final = 2.0
MOST_WAIT_S: Final = 300.0
_LATER: Final = "unknown_key"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a collector says of one line: `kept`, `repeat` or `refused`; of a refusal its name, and words."""

    answer: str
    error: str = ""
    detail: str = ""

    @property
    def is_final(self) -> bool:
        """Whether the line need not be sent again."""
        return self.answer != "refused" or self.error != _LATER


def next_lines(waiting: bytes) -> list[bytes]:
    """The lines to be sent next, each with its LF, of what waits from a line's beginning on; a line without its end waits."""
    whole, end, _ = waiting.rpartition(b"\n")
    return [line + b"\n" for line in whole.split(b"\n")[:MOST_LINES]] if end else []


def read_answers(body: bytes, lines: int) -> list[Answer]:
    """What a collector answered to so many lines; raises Malformed."""
    told = strictjson.decode(body).get("answers")
    if not isinstance(told, list) or len(told) != lines:
        raise Malformed(f"not an answer to each of {lines} lines")
    return [_answer(one) for one in told]


def _answer(told: object) -> Answer:
    match told:
        case {"answer": "refused", "error": str(error), "detail": str(detail)}:
            return Answer("refused", error, detail)
        case {"answer": "kept" | "repeat" as answer}:
            return Answer(answer)
        case _:
            raise Malformed("an answer that is neither kept, repeat nor refused")


def settled(answers: Sequence[Answer]) -> int:
    """How many of the lines, from the first one on, need not be sent again."""
    return next((number for number, one in enumerate(answers) if not one.is_final), len(answers))


def wait_s(failures: int, at_least_s: float, chance: float) -> float:
    """How long to wait after so many failures in a row: doubled each time, drawn (`chance`: 0 to 1), not below what was asked."""
    most_s = min(LEAST_WAIT_S * float(2 ** min(failures - 1, 16)), MOST_WAIT_S)
    return max(at_least_s, most_s / 2) + chance * most_s / 2
