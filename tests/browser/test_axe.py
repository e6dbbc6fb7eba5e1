"""What axe, which knows the rules of accessible pages, finds on each page: nothing serious."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.faults import KINDS
from tests.browser.results import FAULT, SECOND_FAULT, make_result
from toolkit.report import write_json
from toolkit.report.compare_runs import compare_runs, render_comparison

pytestmark = pytest.mark.browser

LOOKS = [("light", 1280), ("dark", 390)]
"""Each scheme and each width once: contrast, the costly rule, is the scheme's at any width."""
looks = pytest.mark.parametrize(("scheme", "width"), LOOKS)


def serious(page):
    """The rules that are broken, each with the first elements that break it."""
    found = Axe().run(page).response["violations"]
    grave = [v for v in found if v["impact"] in ("serious", "critical")]
    return [(v["id"], [node["html"] for node in v["nodes"]][:3]) for v in grave]


@pytest.fixture(scope="module")
def comparisons(tmp_path_factory):
    """Pages of three runs, of a run and itself, and of what a run did not compare."""
    folder = tmp_path_factory.mktemp("comparisons")
    results = {
        "two": make_result(4, 2, 2, (FAULT, SECOND_FAULT)),
        "one": make_result(4, 2, 2, (SECOND_FAULT,)),
        "none": make_result(4, 2, 2, ()),
    }
    for name, result in results.items():
        write_json(result, folder / f"{name}.json")
    two, one, none = (folder / f"{name}.json" for name in results)
    pages = {"three": compare_runs(two, one, [none]), "same": compare_runs(two, two)}
    for name, comparison in pages.items():
        (folder / f"{name}.html").write_text(render_comparison(comparison), encoding="utf-8")
    return {name: folder / f"{name}.html" for name in pages}


@looks
@pytest.mark.parametrize("report", ["broken", "right", "letters"])
def test_nothing_serious_on_a_report(report, scheme, width, open_report, reports):
    page = open_report(reports[report], scheme=scheme, width=width)
    if report != "letters":
        page.locator("#details .bk-Figure").nth(2).wait_for()
    page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
    assert serious(page) == []


@looks
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_serious_on_the_page_of_a_fault(kind, scheme, width, open_report, broken):
    assert serious(open_report(broken[kind][0], scheme=scheme, width=width)) == []


@looks
@pytest.mark.parametrize("name", ["three", "same"])
def test_nothing_serious_on_a_comparison(name, scheme, width, open_report, comparisons):
    page = open_report(comparisons[name], scheme=scheme, width=width, has_scripts=False)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert serious(page) == []


def test_what_is_serious_is_found(open_report, reports):
    page = open_report(reports["right"])
    page.add_style_tag(content=".sentence { color: #ccc !important; background: #fff }")
    assert [rule for rule, _ in serious(page)] == ["color-contrast"]
