"""The result as one self-contained HTML page, for people."""

from __future__ import annotations

import math
import re
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.core.result import Result, TokenComparison
from toolkit.core.settled import settled, unproven
from toolkit.report import text
from toolkit.report.files import write_bytes

if TYPE_CHECKING:
    from jinja2 import Environment

LOWEST_EXPONENT = -18
"""Left end of the error bars: below the rounding error of float64."""
HIGHEST_EXPONENT = 0
"""Right end of the error bars: as large as the largest value itself."""

VERDICT_TITLES = {"match": "MATCH", "mismatch": "MISMATCH", "unverified": "NOT VERIFIED"}


def write_html(result: Result, path: Path) -> None:
    """Writes the report page to `path`.

    Raises:
        BadInput: the folder of `path` does not exist or cannot be written to.
    """
    page = render_html(result)
    write_bytes(path, page.encode("utf-8", errors="xmlcharrefreplace"))


def render_html(result: Result) -> str:
    """The report page: no script, no network access, every name escaped."""
    template = create_environment().get_template("report.html.j2")
    return template.render(
        result=result,
        title=VERDICT_TITLES[result.verdict],
        source_name=_base_name(result.source.path),
        target_name=_base_name(result.target.path),
        failed_modules=[row for row in result.modules if row.verdict != "pass"],
        anchors={row.target for row in result.modules},
        scale=_scale_labels(),
    )


def create_environment() -> Environment:
    """The template environment: everything is escaped, an undefined name is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("toolkit.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        error=text.format_error,
        ratio=text.format_ratio,
        score=text.format_score,
        value=text.format_value,
        words=text.format_name,
        visible=text.show_controls,
        parts=split_path,
        symbol=text.SYMBOLS.__getitem__,
        level_counts=text.describe_levels,
        coverage_line=text.describe_coverage,
        under=text.describe_assumptions,
        unproven=unproven,
        settled=settled,
        scale_position=scale_position,
        aligned=align_tokens,
    )
    return environment


def scale_position(error: float) -> str:
    """Where an error lies on the logarithmic bar, as a CSS percentage."""
    if math.isnan(error) or error == math.inf:
        return "100%"
    if error <= 0:
        return "0%"
    share = (math.log10(error) - LOWEST_EXPONENT) / (HIGHEST_EXPONENT - LOWEST_EXPONENT)
    return f"{100 * min(1.0, max(0.0, share)):.1f}%"


def split_path(path: str) -> list[str]:
    """The pieces between which a long name may wrap: after each dot and slash."""
    return re.split(r"(?<=[./])", path)


def align_tokens(tokens: TokenComparison) -> list[tuple[int, str, str, str]]:
    """Position, expected id, actual id and `equal`, `first` or `later` for each token."""
    pairs = zip_longest(tokens.reference, tokens.converted)
    return [
        (i, _token(expected), _token(actual), _mark(i, tokens.first_difference, expected == actual))
        for i, (expected, actual) in enumerate(pairs)
    ]


def _token(token: int | None) -> str:
    return "end" if token is None else str(token)


def _mark(position: int, first_difference: int | None, equal: bool) -> str:
    if position == first_difference:
        return "first"
    return "equal" if equal else "later"


def _scale_labels() -> list[tuple[str, str]]:
    exponents = range(LOWEST_EXPONENT, HIGHEST_EXPONENT + 1, 6)
    return [(scale_position(10.0**e), f"1e{e}" if e else "1") for e in exponents]


def _base_name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2] or path
