"""What a person does on a report, timed inside the page."""

from __future__ import annotations

from playwright.sync_api import Locator, Page

ACTIONS = ("tile", "other_tile", "search", "clear", "sort", "more", "heat", "clip")

_FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
_MEASURE = """async (action) => {
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


def interaction_ms(page: Page, action: str) -> float:
    """Milliseconds from an action to the frame that answers it.

    Args:
        page: A report of 1,500 pairs.
        action: One of `ACTIONS`.
    """
    return float(page.evaluate(_MEASURE, action))


def first_paint_ms(page: Page) -> float:
    """Milliseconds from opening the page to its first paint."""
    return float(page.evaluate(_FIRST_PAINT))


_SEEN = """(element) => {
          const box = element.getBoundingClientRect();
          const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
          const hit = document.elementFromPoint(x, y);
          const window_ = new DOMRect(0, 0, innerWidth, innerHeight);
          const pane = element.closest('.rolls')?.getBoundingClientRect() || window_;
          const holds = (outer) => outer.top <= box.top + 1 && box.bottom <= outer.bottom + 1
            && outer.left <= box.left + 1 && box.right <= outer.right + 1;
          return box.height > 0 && holds(window_) && holds(pane)
            && (element.contains(hit) || hit.contains(element));
        }"""


def in_first_screen(locator: Locator) -> bool:
    """Whether all of an element is seen at once: neither the window nor a pane hides any of it."""
    return bool(locator.evaluate(_SEEN))
