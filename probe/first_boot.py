"""Enrolling with nobody there: from a provisioning file, again and again until it worked, was refused, or time is up.

What became of it stays in a small file, for `doctor` and for the next start: a code that was refused is not asked for again,
since a code bears few tries and no answer will change. The file tells the code's first symbols, never the code.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from probe.backoff import Backoff
from probe.clock import Clock
from probe.enrol import enrol
from probe.errors import CollectorSilent, EnrolRefused, StateUnusable
from probe.home import Home
from probe.net.remedy import remedy
from shared import strictjson
from shared.errors import Malformed
from shared.provision import Provision
from shared.statement import integer, text
from shared.strictjson import JsonObject

OUTCOME_FILE, CA_FILE, SETTINGS_FILE = "provisioning.json", "ca.pem", "settings.toml"
PATIENCE_US = 15 * 60 * 1_000_000  # then whoever started us decides
_BACKOFF = Backoff(base_us=5_000_000, most_us=120_000_000)
_HANDLE_LENGTH = 4
Result = Literal["enrolled", "refused", "waiting"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of enrolling by itself."""

    result: Result
    words: str
    at_us: int
    handle: str  # the code's first symbols
    serial: str
    tries: int


def write_outcome(outcome: Outcome) -> bytes:
    """Spell the file."""
    return strictjson.encode({
        "at_us": outcome.at_us, "handle": outcome.handle, "result": outcome.result, "serial": outcome.serial,
        "tries": outcome.tries, "words": outcome.words,
    })  # fmt: skip


def read_outcome(home: Home) -> Outcome | None:
    """What the file says; None if there is none, or if it cannot be read: then it is only asked once more."""
    try:
        told = strictjson.decode((home.folder / OUTCOME_FILE).read_bytes())
        words = told.get("words"), told.get("serial")
        results: dict[str, Result] = {"enrolled": "enrolled", "refused": "refused", "waiting": "waiting"}
        return Outcome(
            results[text(told, "result")], str(words[0]), integer(told, "at_us"), text(told, "handle"), str(words[1]),
            integer(told, "tries"),
        )  # fmt: skip
    except (OSError, Malformed, KeyError):
        return None


@dataclass(frozen=True, slots=True)
class FirstBoot:
    """What enrolling by itself needs: where, by which clock, with which chance, how to wait, and how to say what happens."""

    home: Home
    clock: Clock
    chance: Callable[[int], bytes]
    sleep: Callable[[float], Awaitable[None]]
    say: Callable[[str], None]

    async def enrol(self, provision: Provision) -> JsonObject:
        """Enrol; what is remembered. Raises EnrolRefused, CollectorSilent once time is up, StateUnusable and Malformed."""
        handle = provision.invitation.code[:_HANDLE_LENGTH]
        before = read_outcome(self.home)
        if before is not None and before.result == "refused" and before.handle == handle:
            raise EnrolRefused(f"{before.words} (said before; the code {handle}… is not tried again)")
        self._keep("settings.toml", provision.settings)
        ca = self.home.folder / CA_FILE if provision.ca else None
        if ca is not None:
            self.home.write(CA_FILE, provision.ca.encode())
        begun_us, tries = self.clock.mono_us(), 0
        while True:
            tries += 1
            invitation = provision.invitation
            try:
                told = await enrol(
                    self.home, invitation.url, invitation.code, ca, invitation.collector_key, self.chance
                )
            except EnrolRefused as error:
                self._note("refused", str(error), provision, tries)
                raise
            except CollectorSilent as error:
                words = self._words(error)
                self._note("waiting", words, provision, tries)
                left_us = begun_us + PATIENCE_US - self.clock.mono_us()
                if left_us <= 0:
                    raise CollectorSilent(words) from error
                await self._wait(words, tries, left_us)
            else:
                self._note("enrolled", f"for the line of {told['subscriber']}", provision, tries)
                return told

    async def _wait(self, words: str, tries: int, left_us: int) -> None:
        wait_us = min(left_us, _BACKOFF.wait_us(tries, int.from_bytes(self.chance(4), "big")))
        self.say(f"{words}; trying again in {-(-wait_us // 1_000_000)} s")
        await self.sleep(wait_us / 1_000_000)

    def _words(self, error: CollectorSilent) -> str:
        what = remedy(error, self.clock.wall_us())
        return f"{error}: {what}" if what else str(error)

    def _keep(self, name: str, content: str) -> None:
        """Write what the file brought, unless somebody has set something here before."""
        if content and not (self.home.folder / name).exists():
            self.home.write(name, content.encode())

    def _note(self, result: Result, words: str, provision: Provision, tries: int) -> None:
        handle = provision.invitation.code[:_HANDLE_LENGTH]
        outcome = Outcome(result, words, max(0, self.clock.wall_us()), handle, provision.serial, tries)
        try:
            self.home.write(OUTCOME_FILE, write_outcome(outcome))
        except StateUnusable as error:
            self.say(f"what happened cannot be noted: {error}")
