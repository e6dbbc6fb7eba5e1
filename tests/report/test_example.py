"""`reports/example` is what the toolkit writes today: its structure, not its bytes."""

import re

import pytest

from tests.report.example import ATTENTION, EXAMPLE, make_example
from toolkit.report import render_html


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    return render_html(make_example(tmp_path_factory.mktemp("example")))


@pytest.fixture(scope="module")
def kept():
    assert EXAMPLE.is_file(), "write it with `make example-report`"
    return EXAMPLE.read_text(encoding="utf-8")


def structure(page):
    """Its sections, tiles, findings, levels and tokens without measured numbers."""
    return {
        "ids": re.findall(r' id="([^"]*)"', page),
        "headings": re.findall(r"<h[12][^>]*>(?:<span>)?([^<]*)", page),
        "tiles": re.findall(r'<a class="tile ([^"]*)" href="([^"]*)"', page),
        "levels": re.findall(r'<li class="(is-\w+)"><a href="#level-(\w+)"', page),
        "tokens": re.findall(r'<li class="(equal|first|later)"', page),
        "classes": sorted(set(re.findall(r'class="([^"]*)"', page))),
    }


@pytest.mark.parametrize("part", ["ids", "headings", "tiles", "levels", "tokens", "classes"])
def test_the_example_is_up_to_date(part, fresh, kept):
    assert structure(kept)[part] == structure(fresh)[part], "run `make example-report`"


def test_the_style_and_the_scripts_are_todays(fresh, kept):
    for found in (r"<style>(.*?)</style>", r"<script>(.*?)</script>"):
        parts = [re.search(found, page, re.S)[1] for page in (kept, fresh)]
        assert parts[0] == parts[1], "run `make example-report`"


def test_it_shows_both_faults(kept):
    findings = re.findall(r'<article class="finding" id="([^"]*)"', kept)
    assert findings == [
        f"finding:weights:{ATTENTION}.k_proj",
        "finding:config:decoder.model.decoder.embed_tokens",
    ]
    wrong = re.findall(r'<a class="tile is-fail"[^>]* id="([^"]*)"', kept)
    assert wrong == [
        f"{ATTENTION}.q_proj",
        f"{ATTENTION}.k_proj",
        "decoder.model.decoder.embed_tokens",
    ]


def test_it_names_no_path_of_the_machine_that_made_it(kept):
    own = re.sub(r"<script.*?</script>", "", kept, flags=re.S)
    assert not re.search(
        r"[\s\">](?:/[\w.-]+){2,}", re.sub(r"<style.*?</style>", "", own, flags=re.S)
    )


def test_it_is_small_enough_to_be_kept(kept):
    assert len(kept.encode()) < 1_500_000
