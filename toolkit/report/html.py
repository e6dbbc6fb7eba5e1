"""The result as one self-contained HTML page, for people."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.compare import tolerances
from toolkit.core.counting import counted
from toolkit.core.measures import Level, Measure
from toolkit.core.pictures import ClipPicture, Pictures
from toolkit.core.result import Result
from toolkit.core.settled import settled, unproven
from toolkit.core.tokens import TokenComparison
from toolkit.report import measured, text
from toolkit.report.differences import differences
from toolkit.report.files import write_bytes
from toolkit.report.frames import ClipFrames, tell_frames
from toolkit.report.inlining import content_policy, pack, pack_json, read_library, read_scripts
from toolkit.report.model_map import draw_map
from toolkit.report.page_data import count_states, finding_anchors, make_page_data
from toolkit.report.token_lines import forced_line, margin_share, token_line

if TYPE_CHECKING:
    from jinja2 import Environment

LOWEST_EXPONENT = -18
"""Left end of the error bars: below the rounding error of float64."""
HIGHEST_EXPONENT = 0
"""Right end of the error bars: as large as the largest value itself."""

GIVEN = {"clips": "waveform"}
"""What goes into a model that is asked about something, where that has another name."""
VERDICT_TITLES = {"match": "MATCH", "mismatch": "MISMATCH", "unverified": "NOT VERIFIED"}


def write_html(result: Result, path: Path) -> None:
    """Writes the report page to `path`.

    Raises:
        BadInput: the folder of `path` does not exist or cannot be written to.
    """
    page = render_html(result)
    write_bytes(path, page.encode("utf-8", errors="xmlcharrefreplace"))


def render_html(result: Result) -> str:
    """The report page: no network access, every name escaped, no script but its own."""
    stacks = draw_map(result)
    of_any_models = result.command == "compare_modules"
    data = make_page_data(result, "input" if of_any_models else result.examples.removesuffix("s"))
    pictures = result.pictures or Pictures()
    script, library = (read_scripts(), read_library()) if stacks else ("", "")
    spoken = {clip.clip for clip in result.tokens}
    matches = result.verdict == "match"
    told = {clip.name: tell_frames(clip, matches=matches) for clip in pictures.clips}
    compared = {level.name: level for level in result.levels}
    template = create_environment().get_template("report.html.j2")
    return template.render(
        result=result,
        title=VERDICT_TITLES[result.verdict],
        source_name=_base_name(result.source.path),
        target_name=_base_name(result.target.path),
        original="source" if of_any_models else "fairseq",
        whose="the source" if of_any_models else "fairseq",
        given="inputs" if of_any_models else GIVEN.get(result.examples, result.examples),
        made="outputs" if of_any_models else result.units,
        target_kind="target" if of_any_models else "Hugging Face",
        strip=[(name, compared.get(name)) for name in result.task_levels or compared],
        findings=finding_anchors(result.findings),
        stacks=stacks,
        counts=count_states(data["rows"]),
        kinds=sorted({row.kind for row in result.modules}),
        has_propagated=any(row.get("propagated") is not None for row in data["rows"]),
        has_curves=any(p.isolated or p.propagated for p in pictures.pairs),
        anchors={row.target for row in result.modules},
        tolerance=min((r.isolated_tolerance for r in result.modules), default=tolerances.ISOLATED),
        scale=_scale_labels(),
        pieces=pictures.pieces,
        clip_pictures={clip.name: clip for clip in pictures.clips},
        has_steps=any(clip.steps for clip in pictures.clips),
        told=told,
        unspoken=_faults_first([c for c in pictures.clips if c.name not in spoken], told),
        policy=content_policy([script, library] if stacks else []),
        script=script,
        data=pack_json(data),
        library=pack(library.encode("utf-8")) if stacks else "",
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
        found=measured.format_found,
        ratio=text.format_ratio,
        score=text.format_score,
        value=text.format_value,
        words=text.format_name,
        counted=counted,
        visible=text.show_controls,
        plain=text.drop_marks,
        parts=split_path,
        last_part=_last_part,
        symbol=text.SYMBOLS.__getitem__,
        level_counts=measured.describe_levels,
        coverage_line=measured.describe_coverage,
        under=text.describe_assumptions,
        unproven=unproven,
        settled=settled,
        scale_position=scale_position,
        level_position=level_position,
        worst_first=worst_first,
        differences=differences,
        aligned=align_tokens,
        token_line=token_line,
        forced_line=forced_line,
        margin_share=margin_share,
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


def level_position(error: float, tolerance: float) -> str:
    """Where an error lies on a bar of its own, as a CSS percentage; its tolerance is at 75 %.

    Twelve decades below the tolerance are on its left, four above it on its right.
    """
    if error <= 0:
        return "0%"
    if not math.isfinite(error) or tolerance <= 0:
        return "100%"
    decades = math.log10(error) - math.log10(tolerance)
    return f"{min(100.0, max(0.0, 75 + decades * (6.25))):.1f}%"


def worst_first(judged: Iterable[Level] | Iterable[Measure]) -> list[Level | Measure]:
    """Levels or measures with those in front that fail; beyond that in their own order."""
    ranks = ("fail", "unverified", "deviation", "pass")
    return sorted(judged, key=lambda each: ranks.index(each.verdict))


def split_path(path: str) -> list[str]:
    """The pieces between which a long name may wrap: after each dot, slash and underscore."""
    return re.split(r"(?<=[./_])", path)


def align_tokens(tokens: TokenComparison) -> list[tuple[int, str, str, str]]:
    """Position, expected id, actual id and `equal`, `first` or `later` for each token."""
    pairs = zip_longest(tokens.reference, tokens.converted)
    return [
        (i, _token(expected), _token(actual), _mark(i, tokens.first_difference, expected == actual))
        for i, (expected, actual) in enumerate(pairs)
    ]


def _faults_first(
    clips: Iterable[ClipPicture], told: Mapping[str, ClipFrames]
) -> list[ClipPicture]:
    """Within each, those that show more first."""
    return sorted(clips, key=lambda clip: (not told[clip.name].is_wrong, not clip.layers))


def _token(token: int | None) -> str:
    return "end" if token is None else str(token)


def _mark(position: int, first_difference: int | None, equal: bool) -> str:
    if position == first_difference:
        return "first"
    return "equal" if equal else "later"


def _last_part(path: str) -> str:
    return path.rpartition(".")[2]


def _scale_labels() -> list[tuple[str, str]]:
    exponents = range(LOWEST_EXPONENT, HIGHEST_EXPONENT + 1, 6)
    return [(scale_position(10.0**e), f"1e{e}" if e else "1") for e in exponents]


def _base_name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2] or path
