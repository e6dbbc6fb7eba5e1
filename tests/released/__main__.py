"""Writes docs/old-scripts.md anew."""

from __future__ import annotations

from tests.released.page import PAGE, write_page

if __name__ == "__main__":
    PAGE.write_text(write_page(), encoding="utf-8")
