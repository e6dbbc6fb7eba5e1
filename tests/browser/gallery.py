"""The gallery of faults in the documentation: `python -m tests.browser.gallery`."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.faults import KINDS, broken_results
from toolkit.core.result import Result
from toolkit.report import write_html

DOCS = Path(__file__).parents[2] / "docs"
PAGE, PICTURES = DOCS / "gallery.md", DOCS / "gallery"
SHOWN = KINDS[:10]
WIDTH, HEIGHT = 1280, 800
COLOURS = 64
"""Of a picture: text stays sharp, and the file small."""
INTRODUCTION = """# Ten faults and their reports

Each is a real mistake in a conversion of the small golden checkpoint, and the first screen of the
report that `toolkit diff model.pt broken --html report.html` writes. The texts are held by a test.
"""


def write_page(results: Mapping[str, Result]) -> str:
    """The page, in Markdown.

    Args:
        results: What a diff says, by the kind of the fault.
    """
    return INTRODUCTION + "".join(_section(kind, results[kind]) for kind in SHOWN)


def _section(kind: str, result: Result) -> str:
    finding = result.findings[0]
    title = kind.replace("_", " ").capitalize()
    fix = finding.fix.replace("\n", " ")
    return f"""
## {title}

{finding.summary}. Fix: {fix}.

![The first screen of the report of: {title}](gallery/{kind}.png)
"""


def main() -> None:
    """Writes the page and its pictures anew."""
    PICTURES.mkdir(exist_ok=True)
    results: dict[str, Result] = {}
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for fault, result in broken_results(Path(scratch)):
            results[fault.kind] = result
            path = Path(scratch) / "report.html"
            write_html(result, path)
            if fault.kind in SHOWN:
                page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
                page.goto(path.as_uri())
                page.locator("html[data-ready=true]").wait_for(state="attached")
                _save(page.screenshot(), PICTURES / f"{fault.kind}.png")
                page.close()
            path.unlink()
        browser.close()
    PAGE.write_text(write_page(results), encoding="utf-8")


def _save(screenshot: bytes, path: Path) -> None:
    image = Image.open(io.BytesIO(screenshot)).convert("RGB")
    image.quantize(COLOURS).save(path, optimize=True)


if __name__ == "__main__":
    main()
