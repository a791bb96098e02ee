"""What speaks against the records, one by one: whoever decides should not have to find it himself. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence

from collector.report.blocks import Block, Bullets, Heading, Text
from collector.view import CaseView, DeviceRow, RecordRow
from collector.web import vocabulary
from collector.web.localtime import LineClock
from collector.web.missing import delayed, whose
from collector.web.quantities import counted
from collector.web.undelivered import LIMIT, undelivered_of
from collector.web.vocabulary import said

MOST_LATE = 12


def is_doubtful(case: CaseView) -> bool:
    """Whether there is something that must not happen, so that it has to be said at the beginning."""
    return bool(case.alarms or case.transfers.never or any(one.frozen or one.revoked for one in case.devices))


def against(case: CaseView, rows: Sequence[RecordRow], clock: LineClock) -> Iterator[Block]:
    """Alarms, frozen and revoked devices, gaps, what was begun and never delivered, late, removed, flawed."""
    yield Heading("What speaks against the records")
    flaws = Counter(flaw for row in rows if row.provenance == "signed" for flaw in row.flaws)
    items = [*_alarms(case, clock), *_gaps(case, clock), *_removed(case, clock)]
    for flaw, number in flaws.most_common():
        items.append(("", f"{counted(number, 'record')}: {said(vocabulary.FLAWS, flaw)}."))
    if items:
        yield Bullets(tuple(items))
    else:
        yield Text(
            "Nothing was found: no flaw, no contradiction in a chain, no number without a record, nothing begun and never "
            "delivered, nothing late, nothing removed."
        )
    if case.transfers.never:
        yield Text(LIMIT, "quiet")
    if flaws:
        yield Text(
            "A flaw marks a record and never drops it; which flaws keep one from counting is the rule’s to say.",
            "quiet",
        )


def _alarms(case: CaseView, clock: LineClock) -> Iterator[tuple[str, str]]:
    for one in case.alarms:
        where = f"Device {one.dev[:8]}, batch {one.batch}, {clock.short(one.at_us)}."
        yield "!", f"{said(vocabulary.ALARMS, one.error)} {where}"
    for device in case.devices:
        if device.frozen:
            yield "!", f"Device {device.dev[:8]} is frozen: its chain of batches forked."
        yield from _revoked(device, clock)


def _revoked(device: DeviceRow, clock: LineClock) -> Iterator[tuple[str, str]]:
    if device.revoked is not None:
        told = device.revoked
        yield "!", f"Device {device.dev[:8]} was revoked {clock.short(told.at_us)} (“{told.reason}”)."
        if told.since_us is not None:
            number = counted(told.contested, "measurement is", "measurements are")
            yield (
                "!",
                f"Its key may have been in other hands since {clock.short(told.since_us)}: {number} contested.",
            )


def _gaps(case: CaseView, clock: LineClock) -> Iterator[tuple[str, str]]:
    undelivered = undelivered_of(case)
    if undelivered is not None:
        yield "!", f"Started, never delivered: {undelivered.summary}."
    gaps = () if case.omission is None else case.omission.gaps
    if gaps:
        numbers = counted(sum(one.missing for one in gaps), "number")
        yield "", f"{numbers} of starts without a record, in {counted(len(gaps), 'gap')}: lost, or taken away."
    for delay in case.delays[-MOST_LATE:]:
        yield (
            "",
            f"Came late, {clock.short(delay.received_us)}, device {delay.dev[:8]}: {delayed(delay)}; {whose(delay)}.",
        )
    if len(case.delays) > MOST_LATE:
        yield "", f"These are the newest {MOST_LATE} of {len(case.delays):,} times that records came late."


def _removed(case: CaseView, clock: LineClock) -> Iterator[tuple[str, str]]:
    for one in case.removed:
        batches = counted(one.batches, "batch", "batches")
        yield (
            "",
            (
                f"The measurements of {batches} of device {one.dev[:8]}, until {clock.short(one.until_us)}, were removed by this "
                "collector’s rule of retention; what the device signed about them is kept."
            ),
        )
