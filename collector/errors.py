"""What the collector can raise, besides the refusals of `shared.errors`.

CollectorError
├── NotFound             no such subscriber, device or page
├── Conflict             it is there already and says something else
├── BadRequest           the words of a request cannot be understood
├── CodeRefused          an enrolment code that is wrong, used, expired or tried too often
├── NotAllowed           the desk's token is missing or wrong
├── StorageFull          nothing was kept; free some space and send again
├── LedgerAway           the process that writes the ledger is not there; whether it wrote is not known
├── Ending               the collector is told to end while this is being answered; whether it was done is not known
├── CatalogAway          the collectors' catalog does not answer; whether the entry was kept is not known
├── Outrun               another entry came first, so what this one rests on has to be looked at again
├── Misdirected          a device whose receipts another key signs; a collector that has it takes it
├── DeskAway             the process that has the index does not answer
├── Overloaded           more waits here than fits; send again later
├── TooSlow              a body or a request's head that stops coming
├── HeadTooLarge         a request's head that is longer than any honest one
├── ArchiveAway          where older segments are kept does not answer
├── LedgerDamaged        the ledger does not read back as it was written
├── IndexUnusable        the index cannot be opened; it can be made anew from the ledger
├── IndexLags            the index has not caught up with the ledger yet
│   └── NotLoaded        what made a line or a device is not in it yet
├── BadBackup            a folder that is no backup, or not as it was made
├── NoTimeStamp          the time-stamping authority gave no time-stamp that can be used
├── Busy                 another command is at the ledger's files; try again when it has ended
└── AlreadyRunning       another process owns this data folder
"""

from shared.errors import SpeedproofError


class CollectorError(SpeedproofError):
    """Whatever the collector raises on purpose."""


class NotFound(CollectorError):
    """No such subscriber, device or page."""


class Conflict(CollectorError):
    """It is there already and says something else."""


class BadRequest(CollectorError):
    """The words of a request cannot be understood."""


class CodeRefused(CollectorError):
    """An enrolment code that is wrong, used, expired or tried too often."""


class NotAllowed(CollectorError):
    """The desk's token is missing or wrong."""


class StorageFull(CollectorError):
    """Nothing was kept: the disk is full or cannot be written."""


class LedgerAway(CollectorError):
    """The process that writes the ledger is not there: whether it wrote is not known, so send it again."""


class Ending(CollectorError):
    """The collector ends before the answer is there; whether what was asked was done is not known."""


class CatalogAway(CollectorError):
    """The catalog that the collectors share does not answer: whether the entry was kept is not known, so send it again."""


class Outrun(CollectorError):
    """Another entry was kept first, here or at another collector: what this one rests on is to be looked at again."""


class Misdirected(CollectorError):
    """The device was enrolled at a collector that signs with another key: it would not believe a receipt from here."""


class DeskAway(CollectorError):
    """The process that has the index does not answer."""


class Overloaded(CollectorError):
    """More waits here than fits."""


class TooSlow(CollectorError):
    """A body or a head that stops coming, or comes more slowly than anything honest."""


class HeadTooLarge(CollectorError):
    """A request whose head does not end where any honest one does."""


class ArchiveAway(CollectorError):
    """The place where older segments are kept does not answer."""


class LedgerDamaged(CollectorError):
    """The ledger does not read back as it was written."""


class LogForked(CollectorError):
    """The log that was signed is not the one that follows from the ledger."""


class IndexUnusable(CollectorError):
    """The index cannot be opened; it can be made anew from the ledger."""


class IndexLags(CollectorError):
    """The index has not caught up with the ledger in the time a reader waits."""


class NotLoaded(IndexLags):
    """What made a line or a device, an entry of this `kind` and with this `name`, is not in the index yet."""

    def __init__(self, words: str, kind: str = "", name: str = "") -> None:
        super().__init__(words, kind, name)
        self.kind, self.name = kind, name

    def __str__(self) -> str:
        return str(self.args[0])


class BadBackup(CollectorError):
    """A folder that is no backup, or is not as it was made."""


class AlreadyRunning(CollectorError):
    """Another process owns this data folder."""


class NoTimeStamp(CollectorError):
    """The time-stamping authority gave no time-stamp that can be used."""


class Busy(CollectorError):
    """Another command moves, removes or copies the ledger's files just now."""
