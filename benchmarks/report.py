"""Times and weighs the report: of the golden pair, of 24 + 12 layers, of 1,500 pairs.

Usage: python benchmarks/report.py
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import toolkit
from tests.browser.results import make_result
from toolkit.core.result import Result
from toolkit.report import write_html

CHECKPOINT = Path("golden_audio/checkpoint/model.pt")


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


if __name__ == "__main__":
    main()
