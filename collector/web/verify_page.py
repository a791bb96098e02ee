"""`verify.html`: one file that checks an evidence file in a browser, offline, by the steps of `collector.evidence.check`.

It is put together from the sources in `verify/`: the page, its style, and the scripts in the order of SCRIPTS, which share one
scope. Nothing is loaded from anywhere: the policy in it permits its own style and script, by their hashes, and nothing else.
The names of all steps are written into it, so a step that its scripts do not know is named as not checked.
"""

import base64
import hashlib
import json
from importlib.resources import files
from typing import Final

from collector.evidence.check import STEPS

NAME: Final = "verify.html"
# What a script needs stands before it.
SCRIPTS: Final = (
    "bytes", "sha256", "strictjson", "inflate", "zip", "keys", "dsse", "batch", "signed", "history", "devices", "log", "pastlogs",
    "enclosed", "grade", "casefile", "kept", "transfers", "dated", "drawn", "rate",
    "omission", "favour", "steps", "page",
)  # fmt: skip
_SOURCES: Final = files("collector.web").joinpath("verify")


def script() -> str:
    """The scripts as one module; without a document it only defines its functions."""
    names = f"const STEPS = {json.dumps(STEPS)}; // of speedproof-verify\n"
    return "\n".join(["\n" + names, *(_source(f"{name}.js") for name in SCRIPTS)])


def render_verify() -> str:
    """The page, a whole HTML document."""
    style, code = "\n" + _source("page.css"), script()
    rules = ("default-src 'none'", f"style-src {_hashed(style)}", f"script-src {_hashed(code)}", "img-src data:")
    policy = "; ".join((*rules, "base-uri 'none'", "form-action 'none'"))
    page = _source("page.html")
    for mark, text in (("POLICY", policy), ("STYLE", style), ("SCRIPT", code)):
        page = page.replace(f"[[{mark}]]", text, 1)
    return page


def _source(name: str) -> str:
    return _SOURCES.joinpath(name).read_text("utf-8")


def _hashed(text: str) -> str:
    """A source as the Content-Security-Policy names it (CSP level 3, section 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


PAGE: Final = render_verify().encode()
# The page's own policy stands in it; what only a header can say is that nobody may frame it.
HEADERS: Final = {
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
