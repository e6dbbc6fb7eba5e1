"""Draws `reports/bench.json` as one page that needs no network: `reports/bench.html`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bokeh.embed import file_html
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, FactorRange, Whisker
from bokeh.palettes import Colorblind
from bokeh.plotting import figure
from bokeh.resources import INLINE

FIGURES = (
    ("wall_s", 1.0, "seconds, median; whiskers from the fastest to the slowest round"),
    ("peak_anonymous_bytes", 1e9, "GB of anonymous memory at the peak"),
    ("peak_rss_bytes", 1e9, "GB of resident memory at the peak, mapped files included"),
)
SIDES = ("verify", "bare")
"""What is drawn over the length of a clip."""


def plot(results: Sequence[dict[str, Any]], grown: Sequence[dict[str, Any]], page: Path) -> None:
    """Writes the page.

    Args:
        results: The results of `benchmarks/convert.py`, one a size.
        grown: Those of `benchmarks/growth.py`, one a length.
        page: The file to write.
    """
    charts = [_chart(results, key, unit, title) for key, unit, title in FIGURES if results]
    charts += [_line(grown, key, unit, title) for key, unit, title in FIGURES if grown]
    page.write_text(file_html(column(*charts), INLINE, "toolkit: time and memory at size"))


def _line(grown: Sequence[dict[str, Any]], key: str, unit: float, title: str) -> Any:
    lengths = [at_length["seconds"] for at_length in grown]
    chart = figure(
        width=1100,
        height=300,
        title=f"one clip of the golden pair: {title.partition(',')[0]}",
        x_axis_label="seconds of sound",
        y_range=(0, 1.1 * max(at[side][key] / unit for at in grown for side in SIDES)),
        toolbar_location=None,
    )
    for side, colour in zip(SIDES, Colorblind[8], strict=False):
        values = [at_length[side][key] / unit for at_length in grown]
        chart.line(lengths, values, color=colour, line_width=2, legend_label=side)
        chart.scatter(lengths, values, color=colour, size=7)
    chart.legend.location = "top_left"
    return chart


def _chart(results: Sequence[dict[str, Any]], key: str, unit: float, title: str) -> Any:
    bars = [
        ((result["name"], command), [run[key] / unit for run in runs])
        for result in results
        for command, runs in result["rounds"].items()
        if runs
    ]
    commands = list(dict.fromkeys(command for (_, command), _ in bars))
    palette = Colorblind[8]
    middle = [sorted(values)[len(values) // 2] for _, values in bars]
    source = ColumnDataSource(
        {
            "x": [place for place, _ in bars],
            "top": middle,
            "label": [f"{value:.2g}" for value in middle],
            "low": [min(values) for _, values in bars],
            "high": [max(values) for _, values in bars],
            "colour": [palette[commands.index(command)] for (_, command), _ in bars],
        }
    )
    floor = min(value for value in source.data["low"] if value > 0) / 2
    chart = figure(
        x_range=FactorRange(*source.data["x"]),
        y_axis_type="log",
        y_range=(floor, 3 * max(source.data["high"])),
        width=1100,
        height=340,
        title=title,
        toolbar_location=None,
        tooltips=[("what", "@x"), (title, "@top"), ("from", "@low"), ("to", "@high")],
    )
    chart.vbar(x="x", top="top", bottom=floor, width=0.8, color="colour", source=source)
    chart.text(x="x", y="top", text="label", text_align="center", y_offset=-2, source=source)
    chart.add_layout(Whisker(base="x", lower="low", upper="high", source=source))
    chart.xaxis.major_label_orientation = 0.8
    return chart
