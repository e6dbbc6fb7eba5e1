"""Writes docs/published.md anew."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.published.page import PAGE, derive_all, write_page

if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="toolkit-published-") as folder:
        PAGE.write_text(write_page(derive_all(Path(folder))), encoding="utf-8")
