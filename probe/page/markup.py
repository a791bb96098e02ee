"""Elements of HTML and SVG as a tree, so that no text can become markup; one document without scripts. Pure.

A name's last underscore falls off and the others become hyphens: `class_`, `stroke_width`.
"""

import base64
import hashlib
from xml.etree import ElementTree as ET

Node = ET.Element
Part = ET.Element | str | None  # a None is left out, so that a part may be absent

_NOT_IN_XML = dict.fromkeys([*range(9), 11, 12, *range(14, 32), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF])


def node(name: str, /, *parts: Part, **attributes: str | int | None) -> Node:
    """An element with its parts in order; an attribute that is None is left out."""
    made = ET.Element(name)
    for key, value in attributes.items():
        if value is not None:
            made.set(key.removesuffix("_").replace("_", "-"), str(value).translate(_NOT_IN_XML))
    for part in parts:
        if isinstance(part, str):
            _add_text(made, part.translate(_NOT_IN_XML))
        elif part is not None:
            made.append(part)
    return made


def _add_text(made: Node, text: str) -> None:
    if len(made):
        made[-1].tail = (made[-1].tail or "") + text
    else:
        made.text = (made.text or "") + text


def document(title: str, style: str, *parts: Part) -> str:
    """A whole page that asks nobody for anything: its policy allows this one style sheet and nothing else."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = node(
        "head",
        node("meta", charset="utf-8"),
        node("meta", http_equiv="Content-Security-Policy", content=policy),
        node("meta", name="viewport", content="width=device-width, initial-scale=1"),
        node("meta", name="color-scheme", content="light dark"),
        node("meta", name="referrer", content="no-referrer"),
        node("title", title),
        node("style", style),
    )
    page = node("html", head, node("body", *parts), lang="en")
    return "<!doctype html>\n" + ET.tostring(page, encoding="unicode", method="html") + "\n"
