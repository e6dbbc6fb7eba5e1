"""The overview of a batch in a real browser: what a person looks for in it is found."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import HOSTILE
from tests.browser.overviews import make_overview
from tests.browser.test_axe import looks, serious
from toolkit.report.overview import NAME, render_overview

pytestmark = pytest.mark.browser


@pytest.fixture
def write(tmp_path):
    """Writes the page of a batch where it lies, with one page of a job."""

    def write(**made):
        (tmp_path / "reports").mkdir()
        (tmp_path / "reports" / "7.html").write_text("<!doctype html><h1>its own page</h1>")
        path = tmp_path / NAME
        overview = make_overview(tmp_path, **made)
        path.write_text(render_overview(overview, tmp_path), encoding="utf-8")
        return path

    return write


def rows(page):
    return page.locator("#rows tr")


def names(page):
    return page.locator("#rows th").all_inner_texts()


def test_the_worst_is_first_and_leads_to_its_own_page(open_report, write):
    page = open_report(write())
    assert page.locator("h1").inner_text() == "2 OF 305 JOBS DO NOT MATCH"
    assert "mismatch" in rows(page).first.inner_text()
    assert "4.0e-1 of 1.0e-3" in rows(page).first.inner_text()
    page.locator("#rows a").click()
    expect(page.locator("h1")).to_have_text("its own page")


def test_as_many_rows_as_one_can_look_at_and_more_when_asked(open_report, write):
    page = open_report(write())
    expect(rows(page)).to_have_count(100)
    page.get_by_role("button", name="Show 100 more of 205").click()
    expect(rows(page)).to_have_count(200)


def test_rows_are_found_filtered_and_sorted(open_report, write):
    page = open_report(write())
    page.locator("#search").fill("cut off")
    expect(page.locator("#shown")).to_have_text("1 of 305 jobs")
    assert names(page) == ["bad/broken.pt"]
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#shown")).to_have_text("305 of 305 jobs")
    page.locator("#outcome").select_option("died")
    assert names(page) == ["bad/hungry.pt"]
    page.locator("#outcome").select_option("")
    page.locator("#family").select_option("hubert_ctc")
    expect(page.locator("#shown")).to_have_text("100 of 305 jobs")
    page.locator("#sort").select_option("time")
    assert names(page)[0] == "model_298/model.pt"
    page.locator("#search").fill("nothing of the kind")
    expect(rows(page)).to_have_text("No job fits. Clear the search or a filter.")


def test_what_is_no_number_is_beyond_every_other(open_report, write):
    page = open_report(write())
    page.locator("#sort").select_option("error over its tolerance")
    assert names(page)[:2] == ["bad/endless.pt", "bad/model.pt"]
    assert "no finite number" in rows(page).first.inner_text()


def test_the_address_keeps_the_filters(open_report, write):
    path = write()
    page = open_report(path, anchor="#?outcome=waiting&sort=path&kind=none")
    assert names(page) == ["late/model.pt"]
    page.locator("#outcome").select_option("refused")
    assert page.url.endswith("#?outcome=refused&sort=path")


def test_names_of_others_are_text(open_report, write):
    page = open_report(write(name=HOSTILE, matching=0))
    assert page.locator("#rows script").count() == 0
    expect(rows(page)).to_have_count(5)


def test_without_scripts_the_page_says_who_else_knows(write):
    assert "toolkit batch status" in write().read_text(encoding="utf-8")


@looks
def test_nothing_serious_on_an_overview(scheme, width, open_report, write):
    page = open_report(write(), scheme=scheme, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert serious(page) == []
