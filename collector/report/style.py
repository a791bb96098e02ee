"""The page's style sheet, as far as its pictures need it: so that they look the same on paper.

Reads the plain rules of `page.css` (one selector of classes, perhaps within `.chart`; later and more exact ones win, CSS
Cascading 4, section 6.1) and the colours it has for print. Nothing here knows a colour by itself.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

Style = dict[str, str]
INHERITED: Final = frozenset({"fill", "font-size", "font-weight", "text-anchor"})
_COMMENT: Final = re.compile(r"/\*.*?\*/", re.DOTALL)
_RULE: Final = re.compile(r"([^{}@;]+)\{([^{}]*)\}")
_SELECTOR: Final = re.compile(r"(?:\.chart )?(?P<tag>[a-z]+)?(?P<classes>(?:\.[a-z0-9-]+)*)")
_VARIABLE: Final = re.compile(r"var\((--[a-z0-9-]+)\)")
_PRINT: Final = "@media print {"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a style sheet says of elements of one tag (None: any) that have all of these classes."""

    tag: str | None
    classes: frozenset[str]
    within: bool  # a chart
    says: Style

    def fits(self, tag: str, classes: frozenset[str]) -> bool:
        """Whether it speaks of such an element."""
        return self.tag in (None, tag) and self.classes <= classes

    @property
    def weight(self) -> tuple[int, int]:
        """How exact it is: classes before tags."""
        return len(self.classes) + self.within, self.tag is not None


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rules in their order, and the colours by name."""

    rules: tuple[Rule, ...]
    colours: Mapping[str, str]

    def of(self, tag: str, classes: Sequence[str]) -> Style:
        """What is said of an element, colours put in."""
        own, found = frozenset(classes), Style()
        for rule in sorted((one for one in self.rules if one.fits(tag, own)), key=lambda one: one.weight):
            found |= rule.says
        return {name: self._put_in(value) for name, value in found.items()}

    def _put_in(self, value: str) -> str:
        return _VARIABLE.sub(lambda found: self.colours.get(found[1], "none"), value)


def read_sheet(css: str) -> Sheet:
    """Read a style sheet: its plain rules, and for colours those of its `@media print`."""
    css = _COMMENT.sub("", css)
    plain, _, for_print = css.partition(_PRINT)
    colours = {name: value for name, value in _says(_block(for_print, ":root")).items() if name.startswith("--")}
    rules = []
    for selectors, says in _RULE.findall(plain.partition("@media (max-width")[0]):
        for selector in selectors.split(","):
            found = _SELECTOR.fullmatch(selector.strip())
            if found and (found["tag"] or found["classes"]):
                classes = frozenset(found["classes"].split(".")[1:])
                rules.append(Rule(found["tag"], classes, selector.strip().startswith(".chart "), _says(says)))
    return Sheet(tuple(rules), colours)


def _block(css: str, selector: str) -> str:
    found = re.search(re.escape(selector) + r"\s*\{([^}]*)\}", css)
    return found[1] if found else ""


def _says(block: str) -> Style:
    pairs = (one.partition(":") for one in block.split(";") if ":" in one)
    return {name.strip(): value.strip() for name, _, value in pairs}


@cache
def page_sheet() -> Sheet:
    """That of the page."""
    return read_sheet(files("collector.web").joinpath("static", "page.css").read_text("utf-8"))


def rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255, of `#rgb` or `#rrggbb`; raises ValueError for anything else."""
    digits = colour.removeprefix("#")
    if len(digits) == len("rgb"):
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue
