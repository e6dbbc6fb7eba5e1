"""Writes docs/messages.md anew."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.situations.page import PAGE, write_page

if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="toolkit-situations-") as folder:
        PAGE.write_text(write_page(Path(folder)), encoding="utf-8")
