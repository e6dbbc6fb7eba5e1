"""Pictures and prints of a report that nobody opens: all is drawn by the time a page is loaded."""

import re
import subprocess

import pytest
from PIL import Image

from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.results import WORDS, make_result
from toolkit.report import write_html

pytestmark = pytest.mark.browser

WIDTHS = [390, 1280, 1400, 2560]
CLIPS = 8
CUT = """[...document.querySelectorAll('body *')].filter((part) => {
  if (!part.getClientRects().length || part.closest('.bk-Figure')) return false;
  const hides = ['hidden', 'clip'].includes(getComputedStyle(part).overflowX);
  const scrolls = part.closest('.scroll, .rolls, .contents ul');
  return (hides && part.clientWidth && part.scrollWidth > part.clientWidth + 1)
    || (!scrolls && part.getBoundingClientRect().right > innerWidth + 1);
}).map((part) => `${part.tagName}.${part.className} ${part.textContent.slice(0, 40)}`)"""


def chromium(report, *arguments):
    """What a plain headless Chromium prints of a report."""
    command = [CHROMIUM, "--headless", *ARGUMENTS, "--hide-scrollbars", *arguments, report.as_uri()]
    return subprocess.run(command, check=True, capture_output=True, timeout=240).stdout


@pytest.mark.parametrize("width", WIDTHS)
def test_a_plain_screenshot_shows_what_is_drawn(width, reports, tmp_path):
    path = tmp_path / "report.png"
    chromium(reports["broken"], f"--screenshot={path}", f"--window-size={width},6000")
    with Image.open(path) as picture:
        assert picture.size == (width, 6000)
        raw = picture.convert("RGB").resize((width // 2, 3000)).tobytes()
    # The picture over time is red from the first fault on, which nothing else on the page is.
    pixels = zip(raw[::3], raw[1::3], raw[2::3], strict=True)
    deep = sum(red > 90 and green < 60 and blue < 60 for red, green, blue in pixels)
    assert deep > len(raw) / 3 * 0.02


def test_when_a_page_is_loaded_nothing_is_left_to_be_drawn(reports):
    page = chromium(reports["broken"], "--dump-dom").decode()
    assert 'data-ready="true"' in page
    body = re.sub(r"<script.*?</script>", "", page, flags=re.S)
    assert "<iframe" not in body
    assert "needs scripts" not in body
    assert len(re.findall(r"<tr [^>]*data-path=", body)) == 40
    # Those of the clips, and three of the picture over time.
    drawn = re.findall(r"<canvas[^>]* width=", body)
    assert len(drawn) == body.count("<canvas") == 3 * CLIPS + 3


def test_a_print_has_every_picture(reports, tmp_path):
    path = tmp_path / "report.pdf"
    chromium(reports["broken"], f"--print-to-pdf={path}")
    printed = path.read_bytes()
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 40
    assert len(re.findall(rb"/Subtype\s*/Image", printed)) >= 3 * CLIPS + 3


def test_a_page_whose_scripts_do_not_run_has_no_picture(reports, tmp_path):
    path = tmp_path / "stopped.html"
    path.write_text(reports["broken"].read_text().replace("<script>", "<script type='text/no'>"))
    page = chromium(path, "--dump-dom").decode()
    assert not re.findall(r"<canvas[^>]* width=", page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_cut(width, scheme, open_report, reports):
    page = open_report(reports["broken"], width=width, scheme=scheme)
    assert page.evaluate(CUT) == []
    numbers = page.locator("#rows .whole")
    assert numbers.count() > 100
    assert numbers.evaluate_all("all => all.every((one) => one.getClientRects().length === 1)")
    assert page.locator(".tokens").first.locator("li").count() == WORDS + 1


def test_what_is_cut_is_seen(open_report, reports):
    page = open_report(reports["broken"], width=1280)
    page.add_style_tag(content=".modules td { overflow: hidden; white-space: nowrap }")
    page.add_style_tag(content=".sound { width: 3000px }")
    cut = page.evaluate(CUT)
    assert any(part.startswith("TD.") for part in cut)
    assert any(part.startswith("FIGURE.sound") for part in cut)


def test_a_report_of_nothing_compared_is_shown_plainly(tmp_path):
    path = tmp_path / "refused.html"
    result = make_result(1, 1, 1, ())
    write_html(type(result)(command="diff", source=result.source, target=result.target), path)
    page = chromium(path, "--dump-dom").decode()
    assert "NOT VERIFIED" in page
    assert "<script" not in page
