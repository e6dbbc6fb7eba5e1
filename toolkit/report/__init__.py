"""Turns a result into words: JSON, one HTML file, the terminal, a model card."""

from toolkit.report.html import render_html, write_html
from toolkit.report.json_report import write_json
from toolkit.report.model_card import CardFacts, render_model_card
from toolkit.report.terminal import print_result

__all__ = [
    "CardFacts",
    "print_result",
    "render_html",
    "render_model_card",
    "write_html",
    "write_json",
]
