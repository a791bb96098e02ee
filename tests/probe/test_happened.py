"""What happened beside measuring, in words."""

import pytest

from probe.happened import happened
from probe.noted import EVENTS
from probe.remembered import Remembered

HOUR_US = 3_600_000_000


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"method": "mark"}, "you marked: it is bad now"),
        ({"method": "mark", "words": "no video"}, "you marked: it is bad now (no video)"),
        ({"method": "episode", "event": "recovered"}, "the line was good again"),
        ({"method": "presence", "event": "started", "after": "first"}, "the probe ran for the first time"),
        (
            {"method": "presence", "event": "started", "after": "reboot", "span_us": 3 * HOUR_US},
            "the probe was started again after the device had been restarted, off for 3 h",
        ),
        ({"method": "presence", "event": "started", "after": "unknown"}, "the probe was started"),
        ({"method": "presence", "event": "resumed", "span_us": HOUR_US}, "the device slept, for 1 h"),
        ({"method": "presence", "event": "link_lost"}, "the connection went away"),
        ({"method": "presence", "event": "alive"}, ""),
        ({"method": "presence", "event": "unheard_of", "span_us": 1}, ""),
        ({"method": "presence"}, ""),
        ({"method": "campaign", "event": "start", "words": "x"}, "a campaign for rule x was begun"),
        ({"method": "campaign", "event": "stop"}, "the campaign was stopped"),
        ({"method": "reach"}, ""),
    ],
)
def test_each_in_a_few_words(members: dict[str, object], words: str) -> None:
    """What a person would say of it; a mere sign of life and what has no words yet are silent."""
    assert happened(Remembered(1, 1, end="ok", **members)) == words  # type: ignore[arg-type]


@pytest.mark.parametrize("event", sorted(EVENTS.keys() - {"alive"}))
def test_every_event_has_words(event: str) -> None:
    """No event that presence records is left without words."""
    assert happened(Remembered(1, 1, "presence", "ok", event=event))
