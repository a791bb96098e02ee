"""One picture: a frame with named values at the left and named moments below, into which marks are drawn. Pure.

360 units wide, so that on a phone a unit is a pixel. Marks differ by shape, never by colour alone; those of one kind are
one path. Every picture says in words what it shows, for whoever cannot see it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from probe.page.axis import Scale, place
from probe.page.markup import Node, Part, node

WIDTH = 360
LEFT, RIGHT, TOP, BOTTOM = 40, 8, 10, 22
_LETTER = 7  # a letter's width with some air, in units
_DENSE, _CROWDED = (
    500,
    4000,
)  # so many marks are drawn smaller, on a grid of so many tenths of a unit, so that a page stays small
_FINE, _COARSE = 10, 30

DOT = "h0"  # a line of no length with round ends
CROSS = "m-3.5-3.5l7 7m0-7l-7 7"
DIAMOND = "m0-4l4 4l-4 4l-4-4z"
RING = "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0"
FLAG = "m0-7h-4l4 7l4-7z"


@dataclass(frozen=True, slots=True)
class Axis:
    """The named values of one direction: a value and its label."""

    low: int
    high: int
    ticks: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """Where values stand in a picture of this height."""

    across: Axis
    up: Axis
    height: int = 150

    @property
    def x(self) -> Scale:
        """From left to right."""
        return Scale(self.across.low, self.across.high, LEFT * 10, (WIDTH - RIGHT) * 10)

    @property
    def y(self) -> Scale:
        """From the bottom up."""
        return Scale(self.up.low, self.up.high, (self.height - BOTTOM) * 10, TOP * 10)

    def marks(self, kind: str, outline: str, points: Iterable[tuple[int, int]]) -> Node | None:
        """Equal marks at these values; several on one place are drawn once, and many on a grid."""
        places = dict.fromkeys((self.x.at(across), self.y.at(up)) for across, up in points)
        if not places:
            return None
        dense = " dense" if len(places) > _DENSE else ""
        if dense:
            step = _FINE if len(places) <= _CROWDED else _COARSE
            places = dict.fromkeys((x // step * step, y // step * step) for x, y in places)
        steps = "".join(f"M{place(x)} {place(y)}{outline}" for x, y in places)
        return node("path", class_=f"mark {kind}{dense}", d=steps)

    def uprights(self, kind: str, stretches: Iterable[tuple[int, int, int]]) -> Node | None:
        """Upright lines: at a value, from one height to another."""
        steps = "".join(
            f"M{place(self.x.at(across))} {place(self.y.at(low))}V{place(self.y.at(high))}"
            for across, low, high in stretches
        )
        return node("path", class_=kind, d=steps) if steps else None

    def levels(self, kind: str, stretches: Iterable[tuple[int, int, int]]) -> Node | None:
        """Level lines: from one value to another, at a height."""
        steps = "".join(
            f"M{place(self.x.at(begin))} {place(self.y.at(up))}H{place(self.x.at(end))}" for begin, end, up in stretches
        )
        return node("path", class_=kind, d=steps) if steps else None

    def drawn(self, name: str, about: str, *marks: Part) -> Node:
        """The picture, `name` being what it is called and `about` what it shows."""
        return picture(name, about, self.height, *self._values(), *self._moments(), *marks)

    def _values(self) -> list[Node]:
        parts = []
        for value, label in self.up.ticks:
            y = self.y.at(value)
            kind = "grid" if value > self.up.low else "ground"
            parts.append(node("path", class_=kind, d=f"M{LEFT} {place(y)}H{WIDTH - RIGHT}"))
            parts.append(node("text", label, class_="end", x=LEFT - 6, y=place(y + 38)))
        return parts

    def _moments(self) -> list[Node]:
        parts: list[Node] = []
        beyond = -WIDTH * 10
        for value, label in self.across.ticks:
            x = self.x.at(value)
            parts.append(node("path", class_="notch", d=f"M{place(x)} {self.height - BOTTOM}v4"))
            half = _LETTER * len(label) * 5  # in tenths
            at, kind = _within(x, half)
            begin = at - {"begin": 0, "centre": half, "end": 2 * half}[kind]
            if begin >= beyond:
                parts.append(node("text", label, class_=kind, x=place(at), y=self.height - BOTTOM + 16))
                beyond = begin + 2 * half
        return parts


def _within(x: int, half: int) -> tuple[int, str]:
    """A label's place and anchor, so that it does not leave the picture."""
    if x - half < 0:
        return 0, "begin"
    if x + half > WIDTH * 10:
        return WIDTH * 10, "end"
    return x, "centre"


def picture(name: str, about: str, height: int, *parts: Part) -> Node:
    """A picture of any kind with its name and its description."""
    return node(
        "svg",
        node("title", name),
        node("desc", about),
        *parts,
        class_="chart",
        viewBox=f"0 0 {WIDTH} {height}",
        role="img",
    )


def bars(name: str, about: str, rows: Sequence[tuple[str, int, str]]) -> Node:
    """A table of bars: what, how much of the most in per mille, and the amount in words."""
    lines = [
        node(
            "tr",
            node("th", what, scope="row"),
            node(
                "td",
                node(
                    "svg",
                    node("path", class_="bar", d=f"M0 0H{max(1, share)}V10H0z"),
                    viewBox="0 0 1000 10",
                    preserveAspectRatio="none",
                    aria_hidden="true",
                ),
                class_="amount",
            ),
            node("td", words, class_="words"),
        )
        for what, share, words in rows
    ]
    return node("table", node("caption", name, node("span", about)), node("tbody", *lines), class_="bars")
