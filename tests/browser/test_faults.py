"""A dozen real faults: what is wrong is read, and the next step taken, without scrolling."""

import pytest
from playwright.sync_api import expect

from tests.browser.faults import KINDS
from tests.browser.interactions import in_first_screen
from toolkit.report.text import drop_marks

pytestmark = pytest.mark.browser


def seen(page):
    """The texts of the elements that are whole in the first screen."""
    parts = page.locator("#cards article:visible :is(h3, .fix), .found .text, .differs tr, .next")
    return [part for part in parts.all() if in_first_screen(part)]


def test_there_are_a_dozen(broken):
    assert set(broken) == set(KINDS)
    assert len(KINDS) == 12


@pytest.mark.parametrize("kind", KINDS)
def test_cause_and_next_step_are_in_the_first_screen(kind, broken, open_report):
    path, result = broken[kind]
    page = open_report(path, width=1280, height=800)
    texts = [part.inner_text().replace("\n", "") for part in seen(page)]
    finding = result.findings[0]
    assert texts.count(drop_marks(finding.summary)) >= 1
    assert any(drop_marks(finding.fix).split("\n")[0] in text for text in texts)
    step = page.get_by_role("button", name="Copy the next command")
    assert in_first_screen(step)
    step.click()
    expect(step).to_have_text("copied")
    wrong = page.locator("a.tile.is-fail")
    if wrong.count():
        assert any(in_first_screen(tile) for tile in wrong.all())
    else:
        assert in_first_screen(page.locator("#map .differs tbody tr").first)
        assert not page.locator("#map a.tile").first.is_visible()
    assert page.evaluate("window.scrollY") == 0


def test_a_cause_that_is_below_the_window_is_not_taken_for_seen(broken, open_report):
    path, _ = broken[KINDS[0]]
    page = open_report(path, width=1280, height=800)
    page.add_style_tag(content=".workbench { margin-top: 900px }")
    assert not any("exchanged" in part.inner_text() for part in seen(page))
