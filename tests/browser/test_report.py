"""The report in a real browser: what a person does with it."""

import re
from itertools import pairwise
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import HOSTILE
from tests.browser.interactions import in_first_screen
from tests.browser.results import FAULT, SECOND_FAULT

pytestmark = pytest.mark.browser


def expect_open(page, path):
    expect(page.locator("#pair h3")).to_have_text(path)


def rows(page):
    return page.locator("#rows tr[data-path]")


def wait_for_plots(page):
    expect(page.locator("#details .bk-Figure")).to_have_count(3, timeout=20_000)
    assert page.locator("#details .is-waiting").count() == 0


def test_the_first_screen_has_verdict_findings_levels_legend_and_the_first_fault(
    open_report, reports
):
    page = open_report(reports["broken"], width=1280, height=800)
    assert page.locator("h1").inner_text() == "MISMATCH"
    seen = [page.locator("h1"), page.locator(".legend"), page.locator(".strip")]
    seen += page.locator(".found li").all()
    seen += page.locator("#cards article:visible").locator("h3, .fix").all()
    seen.append(page.locator(f"[id='{FAULT}']"))
    assert len(seen) == 8
    assert all(in_first_screen(locator) for locator in seen)


def test_the_first_screen_has_no_row_of_the_table(open_report, reports):
    page = open_report(reports["broken"], width=1280, height=800)
    assert not in_first_screen(rows(page).first)


@pytest.mark.parametrize("name", ["broken", "large"])
@pytest.mark.parametrize("width", [1280, 1600])
def test_all_layers_are_seen_without_scrolling_sideways(name, width, open_report, reports):
    page = open_report(reports[name], width=width, height=800)
    wide, shown = page.locator("#map").evaluate("map => [map.scrollWidth, map.clientWidth]")
    assert wide <= shown
    right = page.locator("#map").bounding_box()
    last = page.locator("#map .layers").first.locator("a.tile").last.bounding_box()
    assert last["x"] + last["width"] <= right["x"] + right["width"]


def test_the_fault_is_found_by_clicking_only(open_report, reports):
    page = open_report(reports["broken"])
    wrong = page.locator("a.tile.is-fail")
    assert wrong.count() == 2
    wrong.nth(1).click()
    expect_open(page, SECOND_FAULT)
    details = page.locator("#details")
    for words in ("wrong by itself", "Fix", "xm_transformer.py:88", "transposed", "9.1e-01"):
        assert words in details.inner_text()
    wait_for_plots(page)
    assert page.locator(".found a[aria-current]").inner_text().startswith("✗ 2")
    page.locator(".found a").first.click()
    expect_open(page, FAULT)
    assert in_first_screen(page.locator(f"[id='{FAULT}']"))


def test_details_of_a_right_pair_and_of_one_not_compared(open_report, reports):
    page = open_report(reports["broken"])
    page.locator("[id='encoder.feature_projection.projection']").click()
    assert "right" in page.locator("#details .state").inner_text()
    assert "holds the values of" in page.locator("#details").inner_text()
    wait_for_plots(page)
    page.locator("[id='encoder.encoder.layers.2.dropout']").click()
    assert "Not compared: it has no parameters" in page.locator("#details").inner_text()


@pytest.mark.parametrize("path", [FAULT, SECOND_FAULT, "decoder.lm_head"])
def test_an_anchor_opens_its_module(path, open_report, reports):
    page = open_report(reports["broken"], anchor=f"#{path}")
    expect_open(page, path)
    assert page.locator(".tile[aria-current]").get_attribute("id") == path


def test_an_anchor_opens_its_finding(open_report, reports):
    anchor = f"finding:weights:{SECOND_FAULT}"
    page = open_report(reports["broken"], anchor=f"#{quote(anchor, safe='')}")
    assert in_first_screen(page.locator(f"[id='{anchor}'] h3"))
    expect_open(page, SECOND_FAULT)


def test_the_address_remembers_filters_and_what_is_open(open_report, reports):
    page = open_report(reports["broken"], anchor=f"#{FAULT}")
    page.get_by_label("Show").select_option("fail")
    page.get_by_label("Search", exact=True).fill("fc1 & ?#")
    page.get_by_label("Search", exact=True).fill("fc1")
    again = open_report(reports["broken"], anchor=page.evaluate("location.hash"))
    assert [row.get_attribute("data-path") for row in rows(again).all()] == [SECOND_FAULT]
    expect_open(again, FAULT)
    again.locator("a.tile.is-fail").nth(1).click()
    expect_open(again, SECOND_FAULT)
    assert again.evaluate("location.hash").endswith("?search=fc1&state=fail")


def test_failures_come_first_in_the_table_and_the_rest_as_it_ran(open_report, reports):
    page = open_report(reports["broken"])
    paths = [row.get_attribute("data-path") for row in rows(page).all()]
    assert paths[:2] == [FAULT, SECOND_FAULT]
    layer = FAULT.removesuffix(".attention.q_proj")
    assert paths[2:4] == [f"{layer}.attention", layer]


def test_search_filters_list_and_map(open_report, reports):
    page = open_report(reports["broken"])
    page.get_by_label("Search", exact=True).fill("LAYERS.3. q_proj")
    assert rows(page).count() == 3
    assert page.locator(".map a.tile:not(.is-dim)").count() == 3
    page.get_by_label("Show").select_option("fail")
    assert [row.get_attribute("data-path") for row in rows(page).all()] == [FAULT]
    page.get_by_role("button", name="Clear").click()
    expect(rows(page)).to_have_count(40)
    assert page.locator(".map .is-dim").count() == 0


def test_sort_and_filter_by_kind_and_error(open_report, reports):
    page = open_report(reports["broken"])
    page.get_by_label("Sort").select_option("isolated")
    assert rows(page).first.get_attribute("data-path") in {FAULT, SECOND_FAULT}
    page.get_by_label("Isolated error from").select_option("1e-9")
    assert rows(page).count() == 5
    page.get_by_label("Kind").select_option("LayerNorm")
    assert "No module fits" in page.locator("#rows").inner_text()
    assert rows(page).count() == 0


def test_more_rows_come_on_request(open_report, reports):
    page = open_report(reports["broken"])
    expect(rows(page)).to_have_count(40)
    page.get_by_role("button", name=re.compile("Show 40 more")).click()
    expect(rows(page)).to_have_count(80)
    shown = [row.get_attribute("data-path") for row in rows(page).all()]
    assert len(set(shown)) == 80


def test_the_row_of_what_is_open_is_marked_however_the_table_is_filled(open_report, reports):
    page = open_report(reports["broken"], anchor=f"#{FAULT}")
    page.get_by_label("Sort").select_option("isolated")
    page.get_by_label("Sort").select_option("path")
    page.get_by_label("Search", exact=True).fill("q_proj")
    marked = page.locator("#rows tr[aria-current]")
    expect(marked).to_have_attribute("data-path", FAULT)


def test_the_map_works_by_keyboard_alone(open_report, reports):
    page = open_report(reports["broken"])
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('a.tile')"):
            break
    assert page.evaluate("document.activeElement.id") == FAULT
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.id") == FAULT.replace(".3.", ".4.")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect_open(page, "encoder.encoder.layers.4.attention.out_proj")
    assert page.locator("a.tile[tabindex='0']").count() == 1


def test_the_picture_over_time_reads_and_opens(open_report, reports):
    page = open_report(reports["broken"])
    panel = page.locator("#heat-frames")
    panel.scroll_into_view_if_needed()
    expect(page.locator("#heat-frames canvas[width]")).to_have_count(1)
    canvas = panel.locator("canvas")
    canvas.hover(position={"x": 200, "y": 300})
    assert "end to end" in page.locator("#heat-reading").inner_text()
    read = page.locator("#heat-reading").inner_text().split(" ")[0]
    page.mouse.down()
    page.mouse.up()
    expect_open(page, read)
    panel.focus()
    page.keyboard.press("ArrowDown")
    assert page.locator("#heat-reading").inner_text().split(" ")[0] != read
    page.get_by_label("isolated", exact=True).check()
    assert page.locator("#heat-audio audio").count() == 1


def test_what_is_read_has_no_seconds_and_no_sound(open_report, reports):
    page = open_report(reports["sentences"])
    expect(page.locator("#heat-frames canvas[width]")).to_have_count(1)
    assert page.locator("#map").inner_text().startswith("sentences")
    assert page.locator("#heat-clip option").first.inner_text() == "clip_0"
    assert page.locator("#heat-audio").inner_text() == ""
    assert not page.locator("#heat-wave").is_visible()
    assert not page.locator("#heat-seconds").is_visible()
    page.locator("#heat-frames canvas").hover(position={"x": 200, "y": 300})
    assert re.search(r"· frame \d+ ·", page.locator("#heat-reading").inner_text())


def test_a_wrong_pixel_is_red_and_a_right_one_is_not(open_report, reports):
    page = open_report(reports["broken"])
    page.locator("#heat").scroll_into_view_if_needed()
    page.get_by_label("isolated", exact=True).check()
    reds = page.evaluate(
        """() => {
          const canvas = document.querySelector('#heat-frames canvas');
          const data = canvas.getContext('2d').getImageData(5, 0, 1, canvas.height).data;
          return Array.from({ length: canvas.height }, (_, y) =>
            data[4 * y] - data[4 * y + 1] > 60);
        }"""
    )
    # The module, its attention and its layer.
    assert sum(reds) == 3


def labels_of(page):
    """Where each label of the picture over time is, with its text, and whether all of it shows."""
    page.locator("#heat").scroll_into_view_if_needed()
    expect(page.locator("#heat-frames canvas[width]")).to_have_count(1)
    return page.evaluate(
        """() => [...document.querySelectorAll('#heat .heat-labels bdi, #heat .heat-key li')]
          .filter((label) => label.getClientRects().length)
          .map((label) => {
            const box = label.getBoundingClientRect();
            const room = document.getElementById('heat').getBoundingClientRect();
            const inside = room.left <= box.left && box.right <= room.right;
            return [label.textContent, inside && label.scrollWidth <= label.clientWidth + 1];
          })"""
    )


@pytest.mark.parametrize("width", [390, 700, 710, 1280, 2560])
def test_the_labels_of_the_picture_over_time_are_whole(width, open_report, reports):
    labels = labels_of(open_report(reports["broken"], width=width))
    assert f"✗ {FAULT}" in [text for text, _ in labels]
    assert "encoder.encoder.layers.23" in [text for text, _ in labels]
    assert [text for text, is_whole in labels if not is_whole] == []


def test_a_label_that_has_no_room_is_seen(open_report, reports):
    page = open_report(reports["broken"], width=390)
    page.add_style_tag(content=".heat-key { width: 90px; white-space: nowrap; overflow: hidden }")
    page.add_style_tag(content=".heat-key li { overflow: hidden }")
    assert not all(is_whole for _, is_whole in labels_of(page))


@pytest.mark.parametrize("width", [390, 1280])
def test_no_two_ticks_of_the_picture_over_time_touch(width, open_report, reports):
    page = open_report(reports["broken"], width=width)
    assert labels_of(page)
    for axis in ("#heat-seconds span", "#heat-words span"):
        spans = page.locator(axis).evaluate_all(
            "spans => spans.map((s) => s.getBoundingClientRect()).map((b) => [b.left, b.right])"
        )
        assert len(spans) > 1
        assert all(left[1] < right[0] for left, right in pairwise(spans))


def test_tokens_mark_the_first_difference_and_the_forced_one(open_report, reports):
    page = open_report(reports["broken"])
    clip = page.locator(".clip").first
    clip.scroll_into_view_if_needed()
    first = clip.locator(".tokens .first")
    assert first.count() == 1
    for words in ("≠ 9", "▁other", "0.20"):
        expect(first).to_contain_text(words)
    clip.get_by_text("Beam hypotheses").click()
    assert "-0.3100" in clip.inner_text()
    clip.get_by_role("button", name="Listen to clip_0").click()
    assert clip.locator("audio").get_attribute("src").startswith("data:audio/mpeg;base64,")


def sounds_of(page):
    """Whether each layer is red at a wrong and at a right time, and how many shades a sound has."""
    page.locator("figure.sound .layers-by-frame[width='190']").first.wait_for()
    return page.evaluate(
        """() => {
          const pixels = (canvas) => {
            const copy = new OffscreenCanvas(canvas.width, canvas.height);
            const context = copy.getContext('2d', { willReadFrequently: true });
            context.drawImage(canvas, 0, 0);
            return context.getImageData(0, 0, canvas.width, canvas.height);
          };
          const figure = document.querySelector('figure.sound');
          const layers = pixels(figure.querySelector('.layers-by-frame'));
          const reds = (x) => Array.from({ length: layers.height }, (_, y) => {
            const at = 4 * (y * layers.width + x);
            return layers.data[at] - layers.data[at + 1] > 40;
          });
          const sound = pixels(figure.querySelector('.spectrogram')).data;
          return {
            wrong: reds(50),
            right: reds(20),
            shades: new Set(new Uint32Array(sound.buffer)).size,
            wave: figure.querySelector('.wave').width,
          };
        }"""
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_clip_shows_its_sound_and_the_layers_that_are_wrong_at_a_time(
    scheme, open_report, reports
):
    seen = sounds_of(open_report(reports["broken"], scheme=scheme))
    assert seen["wrong"] == [False] * 3 + [True] * 21
    assert not any(seen["right"])
    assert seen["shades"] == 16
    assert seen["wave"] > 500


def test_the_seconds_at_fault_are_said_and_lie_where_they_are_marked(open_report, reports):
    page = open_report(reports["broken"])
    clip = page.locator(".clip").first
    expect(clip.locator(".at-fault")).to_contain_text(
        "What the decoder hears: wrong from 0.80 to 1.20 s and 2.00 to 2.10 s, in 25 of 190 frames"
    )
    sound = clip.locator(".spectrogram").bounding_box()
    mark = clip.locator(".marks i").first.bounding_box()
    assert mark["x"] - sound["x"] == pytest.approx(sound["width"] * 40 / 190, abs=1.5)
    assert mark["width"] == pytest.approx(sound["width"] * 20 / 190, abs=1.5)
    assert mark["y"] + mark["height"] == pytest.approx(sound["y"] + sound["height"], abs=1)
    clip.get_by_text("24 layers by frame, 21 at fault").click()
    row = clip.get_by_role("row", name="encoder.encoder.layers.3")
    expect(row).to_contain_text("from 0.80 to 1.20 s and 2.00 to 2.10 s")


def test_a_right_clip_has_no_mark(open_report, reports):
    page = open_report(reports["right"])
    assert page.locator(".marks i").count() == 0
    expect(page.locator(".at-fault").first).to_contain_text("right in all 190 frames")
    assert not any(sounds_of(page)["wrong"])


@pytest.mark.parametrize("width", [390, 1280])
def test_the_names_of_a_clips_layers_are_whole_and_beside_their_rows(width, open_report, reports):
    page = open_report(reports["broken"], width=width)
    names = page.locator("figure.sound").first.locator(".names span")
    assert names.all_inner_texts() == [f"layers.{number}" for number in range(24)]
    rows_box = page.locator("figure.sound .layers-by-frame").first.bounding_box()
    boxes = [name.bounding_box() for name in names.all()]
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= rows_box["x"] for box in boxes)
    for number, box in enumerate(boxes):
        middle = rows_box["y"] + rows_box["height"] * (number + 0.5) / 24
        assert box["y"] <= middle <= box["y"] + box["height"]


def test_a_path_is_copied(open_report, reports):
    page = open_report(reports["broken"])
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#details").get_by_role("button", name="Copy the path").click()
    assert page.evaluate("navigator.clipboard.readText()") == FAULT


def test_hostile_names_stay_text(open_report, reports):
    page = open_report(reports["hostile"])
    shown = HOSTILE.replace("\u202e", "\\u202e")
    expect_open(page, shown)
    page.get_by_label("Search", exact=True).fill("<script>")
    assert rows(page).count() == 2
    assert page.evaluate("document.querySelectorAll('script').length") <= 4
    assert page.evaluate("document.documentElement.scrollWidth") <= 1600


def test_a_right_model_has_no_red_tile(open_report, reports):
    page = open_report(reports["right"])
    assert page.locator("h1").inner_text() == "MATCH"
    assert page.locator(".map .is-fail, .map .is-tail, .map .is-above").count() == 0
    wait_for_plots(page)


def test_a_report_of_letters_speaks_of_letters_and_leaves_no_room_for_what_it_lacks(
    open_report, reports
):
    page = open_report(reports["letters"])
    assert page.get_by_role("heading", name="Letters").is_visible()
    assert page.get_by_role("heading", name="Tokens").count() == 0
    assert page.get_by_text("Not levels of this task: beam (nothing is searched).").is_visible()
    assert page.locator(".tokens .margin").count() == 0
    page.locator("#heat").scroll_into_view_if_needed()
    expect(page.locator("#heat-frames canvas")).to_be_visible()
    assert page.locator("#heat-tokens").bounding_box() is None


@pytest.mark.parametrize("width", [1100, 1280, 1600])
@pytest.mark.parametrize("report", ["right", "letters"])
def test_a_path_of_fairseqs_is_not_cut_into_more_than_a_few_lines(
    report, width, open_report, reports
):
    page = open_report(reports[report], width=width)
    heights = page.locator("#rows td.source").evaluate_all(
        "cells => cells.map((cell) => cell.getBoundingClientRect().height)"
    )
    assert heights
    assert max(heights) < 90


WIDTHS = [360, 400, 720, 800, 1100, 1160, 1280, 1366, 1440, 1536, 1920]
CLIPPED = """[...document.querySelectorAll('.strip span')]
  .filter((span) => span.getClientRects().length)
  .filter((span) => span.scrollWidth > span.clientWidth + 1 && span.clientWidth > 0
    || span.getBoundingClientRect().right > span.closest('li').getBoundingClientRect().right)
  .map((span) => span.textContent)"""


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("report", ["broken", "right"])
def test_no_word_of_the_strip_of_levels_is_clipped(report, width, open_report, reports):
    assert open_report(reports[report], width=width).evaluate(CLIPPED) == []


def test_a_clipped_word_of_the_strip_is_seen(open_report, reports):
    page = open_report(reports["right"], width=1280)
    page.evaluate(
        "document.querySelector('.strip').style.gridTemplateColumns = 'repeat(20, minmax(0, 1fr))'"
    )
    assert page.evaluate(CLIPPED) != []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280, 1400, 2560])
def test_nothing_overflows_the_window(width, scheme, open_report, reports):
    page = open_report(reports["broken"], width=width, height=900, scheme=scheme)
    wait_for_plots(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (light == "rgb(247, 247, 244)") == (scheme == "light")


def test_nothing_stands_in_the_place_of_what_is_not_drawn_yet(open_report, reports):
    page = open_report(reports["broken"])
    words = page.locator("main").inner_text()
    assert "drawing" not in words
    assert "needs scripts" not in words
    assert page.locator("#pair .plot.is-waiting:visible").count() == 0


def test_it_prints(open_report, reports):
    page = open_report(reports["broken"])
    wait_for_plots(page)
    page.emulate_media(media="print")
    assert page.locator(".controls").first.is_hidden()
    assert page.locator("#map").is_visible()
    printed = page.pdf()
    assert printed.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 40
