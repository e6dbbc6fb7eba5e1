"""The bars on size, with 1,500 module pairs; those on speed are `make bench-report`."""

import pytest
from playwright.sync_api import expect

from tests.browser.interactions import ACTIONS, first_paint_ms, interaction_ms
from tests.browser.results import make_result
from toolkit.report import render_html

pytestmark = pytest.mark.browser


@pytest.fixture
def large(open_report, reports):
    page = open_report(reports["large"])
    expect(page.locator("#details .bk-Figure")).to_have_count(3, timeout=20_000)
    page.locator("#heat").scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    return page


def test_it_holds_1500_pairs(large):
    assert large.locator("a.tile").count() >= 1500


@pytest.mark.parametrize("action", ACTIONS)
def test_every_interaction_that_is_timed_can_be_done(action, large):
    assert interaction_ms(large, action) > 0


def test_an_interaction_that_the_page_lacks_fails(large):
    large.evaluate("document.getElementById('more').remove()")
    with pytest.raises(Exception, match="null"):
        interaction_ms(large, "more")


def test_the_first_paint_is_recorded(large):
    assert first_paint_ms(large) > 0


def test_a_model_of_24_and_12_layers_with_8_clips_stays_below_5_mb():
    assert len(render_html(make_result(24, 12, 8)).encode()) < 5_000_000


def test_1500_pairs_stay_below_5_mb(reports):
    assert reports["large"].stat().st_size < 5_000_000
