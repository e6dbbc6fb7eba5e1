"""Turns a result into words: JSON, one HTML file, the terminal, a model card."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolkit.report.html import render_html, write_html
    from toolkit.report.json_report import write_json
    from toolkit.report.model_card import render_model_card
    from toolkit.report.terminal import print_result

__all__ = [
    "print_result",
    "render_html",
    "render_model_card",
    "write_html",
    "write_json",
]

_HOMES = {
    "print_result": "toolkit.report.terminal",
    "render_html": "toolkit.report.html",
    "render_model_card": "toolkit.report.model_card",
    "write_html": "toolkit.report.html",
    "write_json": "toolkit.report.json_report",
}


def __getattr__(name: str) -> object:
    """Imports a name on first use: the HTML report needs torch, a model card does not."""
    if name not in _HOMES:
        raise AttributeError(f"module 'toolkit.report' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
