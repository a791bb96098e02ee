"""Elements as a tree: no text becomes markup."""

import re
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from probe.page.markup import document, node


class Seen(HTMLParser):
    """The tags and the text of a document."""

    def __init__(self, text: str) -> None:
        """Read it."""
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text += data


@given(text=st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_no_text_becomes_markup(text: str) -> None:
    """Whatever a name, a word or an attribute holds, the document keeps its tags and its script policy."""
    page = document(text, "p{}", node("p", text, class_=text), "a", node("b", "c"), text)
    plain = document("x", "p{}", node("p", "x", class_="x"), "a", node("b", "c"), "x")
    assert Seen(page).tags == Seen(plain).tags
    assert "script" not in Seen(page).tags


def test_a_document_asks_nobody_for_anything() -> None:
    """The policy allows this one style sheet by its hash; without it the page is the same, unstyled."""
    page = document("t", "p{color:red}", node("p", "x"))
    assert "default-src 'none'" in page
    assert re.search(r"style-src 'sha256-[A-Za-z0-9+/]{43}='", page)
    assert "unsafe" not in page


def test_parts_stay_in_order() -> None:
    """Text and elements alternate as given; absent parts and attributes leave nothing."""
    page = document("t", "", node("p", "a", node("b", "c"), "d", None, "e", id=None, aria_hidden="true", x=3))
    assert '<p aria-hidden="true" x="3">a<b>c</b>de</p>' in page
