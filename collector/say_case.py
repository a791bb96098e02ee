"""A whole case, in the words of the command line."""

from collector.dating import TimesView
from collector.say import Told, lines, verdicts
from collector.view import GradeCount, PresenceView, Stretch
from collector.web import keys, missing, presence, times, undelivered, words
from collector.web.localtime import LineClock, day
from collector.web.quantities import counted

MOST_INTERRUPTIONS = 5


def case(told: Told) -> None:
    """A whole case."""
    verdicts(told | {"verdict": told["verdicts"][0]["verdict"]})
    if told.get("behind_us"):
        lines(f"  what arrived in the last {words.seconds_up(told['behind_us'])} may not be in this yet")
    for provenance, counts in told["counts"].items():
        lines(
            f"  {provenance}: "
            + ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in counts.items() if number)
        )
    grades = [GradeCount(**one) for one in told["grades"]]
    if grades:
        lines(f"  {words.grades(grades)}")
    for one in told.get("devices", ()):
        lines(*(f"  {line}" for line in keys.lines_of(one, LineClock.of(told["time_zone"]))))
    for one in told["presence"]:
        _presence(one, LineClock.of(told["time_zone"]))
    for one in told.get("times", ()):
        if said := times.sentence(TimesView(**one)):
            lines(f"  device {one['dev'][:8]}, when: {said}")
    for one in told.get("removed", ()):
        lines(
            f"  device {one['dev'][:8]}: the measurements of {counted(one['batches'], 'batch', 'batches')}, "
            f"until {day(one['until_us'])}, were removed by the rule of retention"
        )
    if told.get("omission"):
        lines(*(f"  {line}" for line in missing.lines_of(told["omission"])))
    if told.get("transfers"):
        lines(*(f"  {line}" for line in undelivered.lines_of(told["transfers"])))
    for complaint in told["complaints"]:
        lines(f"  complaint: “{complaint['text']}”")
    for alarm in told["alarms"]:
        lines(f"  ALARM: {alarm['error']} in batch {alarm['batch']} of device {alarm['dev'][:16]}")


def _presence(told: Told, clock: LineClock) -> None:
    """What is known of one device's slots, and its newest interruptions."""
    stretches = tuple(Stretch(**stretch) for stretch in told["stretches"])
    view = PresenceView(told["dev"], told["slot_s"], stretches, told["slots"])
    lines(f"  device {view.dev[:8]}: {presence.summary(view)}")
    those = presence.interruptions(view)
    for stretch in those[:MOST_INTERRUPTIONS]:
        length = presence.length((stretch.to_us - stretch.from_us) // 1_000_000)
        lines(f"    {clock.moment(stretch.from_us)}, {length}: {presence.what(stretch)}")
    if len(those) > MOST_INTERRUPTIONS:
        lines(f"    and {counted(len(those) - MOST_INTERRUPTIONS, 'earlier one')}")
