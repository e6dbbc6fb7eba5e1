"""Times and weighs the report: of the golden pair, of 24 + 12 layers, of 1,500 pairs.

The last is also used in Chromium: its first paint, and every interaction.

Usage: python benchmarks/report.py
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from playwright.sync_api import Page, sync_playwright

import toolkit
from tests.browser.interactions import ACTIONS, first_paint_ms, interaction_ms
from tests.browser.results import make_result
from toolkit.core.result import Result
from toolkit.report import write_html

CHECKPOINT = Path("golden_audio/checkpoint/model.pt")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
FIRST_PAINT_MS = 1000
INTERACTION_MS = 100
REPEATS = 5


def main() -> None:
    """Prints one line a report: pairs, seconds to write, megabytes, and the bar."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        toolkit.convert(CHECKPOINT, folder / "hf", verify=False)
        golden = toolkit.verify(CHECKPOINT, folder / "hf")
        measure("golden pair, 24 clips", golden, folder, max_s=2.0, max_mb=1.5)
        large = make_result(encoder_layers=24, decoder_layers=12, clips=8)
        measure("24 + 12 layers, 8 clips", large, folder, max_s=2.0, max_mb=5.0)
        huge = make_result(encoder_layers=70, decoder_layers=50, clips=8)
        measure("1,500 pairs, 8 clips", huge, folder, max_s=2.0, max_mb=5.0)
        use(folder / "report.html")


def measure(title: str, result: Result, folder: Path, *, max_s: float, max_mb: float) -> None:
    """Writes one report and says what it took."""
    path = folder / "report.html"
    start = time.perf_counter()
    write_html(result, path)
    seconds, megabytes = time.perf_counter() - start, path.stat().st_size / 1e6
    kept = "kept" if seconds < max_s and megabytes < max_mb else "MISSED"
    print(
        f"{title}: {len(result.modules)} pairs, {seconds:.2f} s of {max_s:.0f},"
        f" {megabytes:.2f} MB of {max_mb}: {kept}"
    )


def use(report: Path) -> None:
    """Opens a report in Chromium and says what its first paint and each interaction took."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.goto(report.absolute().as_uri())
        page.locator("#details .bk-Figure").nth(2).wait_for(timeout=20_000)
        page.locator("#heat").scroll_into_view_if_needed()
        page.wait_for_timeout(500)
        say("first paint", first_paint_ms(page), FIRST_PAINT_MS)
        for action in ACTIONS:
            say(action, best_ms(page, action), INTERACTION_MS)
        browser.close()


def best_ms(page: Page, action: str) -> float:
    """The best of some, as the machine does other things beside."""
    return min(interaction_ms(page, action) for _ in range(REPEATS))


def say(what: str, found_ms: float, max_ms: float) -> None:
    """Prints one line: milliseconds and the bar."""
    print(f"  {what}: {found_ms:.0f} ms of {max_ms}: {'kept' if found_ms < max_ms else 'MISSED'}")


if __name__ == "__main__":
    main()
