"""The bars on size and speed, with 1,500 module pairs."""

import pytest
from playwright.sync_api import expect

from tests.browser.results import make_result
from toolkit.report import render_html

pytestmark = pytest.mark.browser

FIRST_PAINT_MS = 1000
INTERACTION_MS = 100
MEASURE = """async (action) => {
  const start = performance.now();
  const act = {
    tile: () => document.querySelectorAll('a.tile')[700].click(),
    other_tile: () => document.querySelectorAll('a.tile')[300].click(),
    search: () => {
      const field = document.getElementById('search');
      field.value = 'layers.4';
      field.dispatchEvent(new Event('input', { bubbles: true }));
    },
    clear: () => document.querySelector('button[type=reset]').click(),
    sort: () => {
      const choice = document.getElementById('sort');
      choice.value = 'isolated';
      choice.dispatchEvent(new Event('input', { bubbles: true }));
    },
    more: () => document.getElementById('more').click(),
    heat: () => document.querySelector('input[value=isolated]').click(),
    clip: () => {
      const choice = document.getElementById('heat-clip');
      choice.selectedIndex = 1;
      choice.dispatchEvent(new Event('change'));
    },
  }[action];
  act();
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
  return performance.now() - start;
}"""


@pytest.fixture
def large(open_report, reports):
    page = open_report(reports["large"])
    expect(page.locator("#details .bk-Figure")).to_have_count(3, timeout=20_000)
    page.locator("#heat").scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    return page


def test_it_holds_1500_pairs(large):
    assert large.locator("a.tile").count() >= 1500


def test_the_first_paint_comes_within_a_second(open_report, reports):
    page = open_report(reports["large"])
    entry = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    assert page.evaluate(entry) < FIRST_PAINT_MS


@pytest.mark.parametrize(
    "action", ["tile", "other_tile", "search", "clear", "sort", "more", "heat", "clip"]
)
def test_every_interaction_is_answered_within_100_ms(action, large):
    # The best of some: the machine does other things beside.
    assert min(large.evaluate(MEASURE, action) for _ in range(5)) < INTERACTION_MS


def test_a_model_of_24_and_12_layers_with_8_clips_stays_below_5_mb():
    assert len(render_html(make_result(24, 12, 8)).encode()) < 5_000_000


def test_1500_pairs_stay_below_5_mb(reports):
    assert reports["large"].stat().st_size < 5_000_000
