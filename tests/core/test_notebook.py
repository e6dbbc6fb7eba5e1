"""What a notebook shows of an outcome."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from toolkit.core.notebook import Displayed, Grid


class Outcome(Displayed):
    def __init__(self, text: str, rows: int = 1) -> None:
        self.text, self.rows = text, rows

    @property
    def headline(self) -> str:
        return self.text

    def grids(self) -> Iterator[Grid]:
        yield Grid(headings=(self.text,), rows=[(self.text,)] * self.rows)


class Texts(HTMLParser):
    """The texts and the tags of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_an_outcome_says_what_it_is_in_a_line() -> None:
    assert repr(Outcome("match: a → b")) == "<Outcome: match: a → b>"


@given(text=st.text("<&>'\"ab", min_size=1))
def test_no_text_acts_on_the_page(text: str) -> None:
    page = Texts()
    page.feed(Outcome(text)._repr_html_())
    page.close()
    assert "".join(page.texts) == text * 3
    assert page.tags == {"div", "p", "b", "table", "thead", "tr", "th", "tbody", "td"}


def test_a_table_without_rows_is_left_out() -> None:
    assert "<table>" not in Outcome("match", rows=0)._repr_html_()
