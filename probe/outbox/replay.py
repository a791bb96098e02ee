"""The log as one process reads it: replayed, and caught up with what others append. Changes nothing.

Looking needs no lock: a frame that somebody is just writing is not there yet. Where the oldest segments were cleaned away
meanwhile, or a frame was seen that the disk did not take, it is replayed from the beginning.
"""

from pathlib import Path
from typing import Final

from probe.errors import StateUnusable
from probe.outbox import files
from probe.outbox.frames import HEADER, Change, has_hole, read_check, read_frames
from probe.outbox.place import End
from probe.outbox.state import State
from probe.outbox.tables import Blob

TURNS: Final = 5  # at what others clean away while it is read


class Moved(StateUnusable):
    """Bytes are no longer where they were: somebody cleaned; whoever looks again finds them."""


class Replay:
    """One folder's log; makes nothing by being looked at."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = State()
        self.damage: str | None = None  # in words, what only one who is alone may mend
        self.appeared = 0  # frames of others
        self.starts_anew = 0  # the newest segment that begins a log of its own
        self._end = End(0, 0, 0, 0)
        self._before: int | None = None  # the last frame's check, if there is one
        self._sizes: dict[int, int] = {}
        self._rest = 0  # bytes behind the end that are no frame
        self._rest_is_long = False  # nor the beginning of one
        self._last = 0  # where the last frame of the last segment begins
        self._refused: tuple[int, int, int] | None = None  # what the disk did not take, and did not let go of either
        self._change: Change | None = None  # of the transaction under way
        self._is_closed = False

    @property
    def end(self) -> End:
        """Where it ends; only one who is alone finds it so."""
        return self._end

    @property
    def is_torn(self) -> bool:
        """Whether something stands behind its end."""
        return self._rest > 0

    @property
    def whole_bytes(self) -> int:
        """How long all segments are."""
        return sum(self._sizes.values())

    @property
    def is_within(self) -> bool:
        """Whether a transaction is under way."""
        return self._change is not None

    def close(self) -> None:
        """Read and write no more."""
        self._is_closed = True

    def load(self, trusted: End | None = None) -> None:
        """Replay all of it, whatever is damaged; raises StateUnusable if it cannot be read now.

        The last frame counts if all its bytes are as they were written, or if it is the `trusted` end.
        """
        try:
            self._replay(trusted)
        except OSError as error:
            raise StateUnusable(f"the outbox cannot be read: {error.strerror}") from error

    def catch_up(self) -> State:
        """The tables, with what others wrote meanwhile; raises StateUnusable."""
        if self._is_closed:
            raise StateUnusable("the outbox is closed")
        if self._change is None and not self._refused:
            try:
                self._read_on()
            except OSError as error:
                raise StateUnusable(f"the outbox cannot be read: {error.strerror}") from error
            self._refuse_damage()
        return self.state

    def read(self, blob: Blob) -> bytes:
        """A row's bytes; raises StateUnusable, or Moved."""
        if blob.held is not None:
            return blob.held
        try:
            data = files.read(self.folder, blob.segment, blob.offset, blob.length)
        except FileNotFoundError as error:
            raise Moved("the outbox was cleaned by another process") from error
        except OSError as error:
            raise StateUnusable(f"the outbox cannot be read: {error.strerror}") from error
        return data

    def _refuse_damage(self) -> None:
        if self.damage is not None:
            raise StateUnusable(
                f"the outbox {self.folder} is damaged, and is mended once nobody else has it open: {self.damage}"
            )

    def _read_on(self, *, surely: bool = False) -> None:
        """Apply what is new; `surely` also if a frame was replaced by one of the same length."""
        size, end = files.size(self.folder, self._end.segment), self._end
        is_new = size != end.length or files.size(self.folder, end.segment + 1) is not None
        if size is None or size < end.length or ((surely or is_new) and end.length and not self._stands()):
            self._start_again()
        elif is_new:
            try:
                while self._read_segment(None):
                    pass
            except FileNotFoundError:
                self._start_again()

    def _stands(self) -> bool:
        """Whether the last frame known of this segment is still there."""
        return read_check(files.read(self.folder, self._end.segment, self._last, HEADER.size)) == self._before

    def _start_again(self) -> None:
        """Replay from the beginning: segments were cleaned away, or a frame that was seen was not taken by the disk."""
        chains, next_seq = dict(self.state.chains), self.state.next_seq if self.state.chains else 0
        self._replay(None)
        self.appeared += 1
        if chains and (
            not self.state.chains or (self.state.chain.batch, self.state.next_seq) < (chains[0].batch, next_seq)
        ):
            self.damage = "it went back in time while it was open"

    def _replay(self, trusted: End | None) -> None:
        for turn in range(TURNS):
            numbers = files.segments(self.folder)
            if not numbers:
                raise FileNotFoundError(2, "it is not there")
            self.state, self._before, self._sizes = State(), None, {}
            self._end = End(numbers[0], numbers[0], 0, 0)
            try:
                while self._read_segment(trusted):
                    pass
            except FileNotFoundError:  # cleaned away while we read
                if turn == TURNS - 1:
                    raise
            else:
                return

    def _notice_cleaned(self) -> list[int]:
        """The segments there are; those that others cleaned away count no more."""
        numbers, end = files.segments(self.folder), self._end
        if numbers and end.first < numbers[0] <= end.segment:
            self._end = End(numbers[0], end.segment, end.length, end.check)
            self._sizes = {number: size for number, size in self._sizes.items() if number >= numbers[0]}
        return numbers

    def _read_segment(self, trusted: End | None) -> bool:
        """Apply what is new in the last segment that is known; whether there is another one behind it."""
        numbers = self._notice_cleaned()
        first, segment, at, check = self._end.first, self._end.segment, self._end.length, self._end.check
        following = [number for number in numbers if number > segment]  # before reading: then it grows no more
        data, self._rest_is_long = files.read(self.folder, segment), False
        frames = list(read_frames(data, segment, at))
        if frames and not following and not (frames[-1].is_whole or trusted == End(first, segment, *frames[-1].ends)):
            self._rest_is_long = frames.pop().end == len(data)  # being written, or never was
        if frames and frames[0].change.is_anew:  # what was before it does not count any more
            self.starts_anew, self.damage, self._before = segment, None, None
        if has_hole(frames, at, self._before):
            self.damage = f"segment {segment} has a hole"
        for frame in frames:
            self.state.apply(frame.change)
            self._last, at, check = frame.start, frame.end, frame.check
        self.appeared += len(frames)
        self._before = check if frames else self._before
        self._sizes[segment], self._rest = len(data), len(data) - at
        self._end = End(first, segment, at, check)
        if not following:
            return False
        if self._rest or not at or following[0] != segment + 1:  # only the last one may have nothing in it
            self.damage = f"segment {segment} is cut"
        self._end = End(first, following[0], 0, check)
        return True
