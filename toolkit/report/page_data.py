"""What the page's scripts draw from: the rows and pictures of a result as compact plain data."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence

from toolkit.core.findings import Finding
from toolkit.core.json import JsonDict, JsonObject
from toolkit.core.pictures import (
    BANDS,
    CODES_PER_DECADE,
    HISTOGRAM_BINS_PER_DECADE,
    HISTOGRAM_LOWEST_EXPONENT,
    LOUDEST,
    LOWEST_EXPONENT,
    ClipPicture,
    PairPicture,
    Pictures,
    TensorPicture,
)
from toolkit.core.result import ModuleRow, Result
from toolkit.report import text
from toolkit.report.model_map import Judged, as_they_ran, judge_rows


def make_page_data(result: Result, example: str) -> JsonDict:
    """Everything that is drawn on request, modules as they ran.

    Args:
        result: What was compared.
        example: What one of the things is called that the models were asked about.

    Errors come twice: as words, for people, and as numbers to sort and draw by, with 1e300 for
    what is no finite number.
    """
    judged = judge_rows(result)
    pictures = result.pictures or Pictures()
    reasons = () if result.coverage is None else result.coverage.uncompared
    return {
        "scale": {
            "lowest": LOWEST_EXPONENT,
            "perDecade": CODES_PER_DECADE,
            "histogramLowest": HISTOGRAM_LOWEST_EXPONENT,
            "histogramPerDecade": HISTOGRAM_BINS_PER_DECADE,
            "bands": BANDS,
            "loudest": LOUDEST,
        },
        "command": result.reproduce,
        "example": example,
        "rows": [
            *(_row(row, judged[row.target]) for row in as_they_ran(result.modules)),
            *(
                {"path": r.name, "state": "uncompared", "because": r.because}
                for r in reasons
                if r.name not in judged
            ),
        ],
        "findings": [_finding(*anchored) for anchored in finding_anchors(result.findings)],
        "clips": [_clip(clip) for clip in pictures.clips],
        "pairs": [_pair(pair) for pair in pictures.pairs],
        "tensors": _tensors_by_owner(set(judged), pictures.tensors),
        "pieces": {str(token): text.show_controls(p) for token, p in pictures.pieces.items()},
        "reproductions": dict(pictures.reproductions),
    }


def finding_anchors(findings: Sequence[Finding]) -> list[tuple[str, Finding]]:
    """Every finding with its anchor, which says what is wrong and so survives a reordering."""
    anchors: list[tuple[str, Finding]] = []
    taken: set[str] = set()
    for finding in findings:
        place = finding.target_module or ",".join(finding.config_keys) or "whole"
        base = text.show_controls(f"finding:{finding.kind}:{place}")
        anchor, count = base, 1
        while anchor in taken:
            count += 1
            anchor = f"{base}:{count}"
        taken.add(anchor)
        anchors.append((anchor, finding))
    return anchors


def _row(row: ModuleRow, judged: Judged) -> JsonDict:
    return {
        "path": row.target,
        "source": row.source,
        "kind": row.kind,
        "state": judged.state,
        "spoiled": judged.spoiled,
        "shape": text.format_shape(row.shape),
        "axes": row.axes,
        "isolated": number(row.isolated_error),
        "tolerance": row.isolated_tolerance,
        "propagated": number(judged.propagated),
        "ratio": number(row.propagated_ratio),
        "ratioTolerance": number(row.propagated_tolerance),
        "words": {
            "isolated": text.format_error(row.isolated_error),
            "tolerance": text.format_error(row.isolated_tolerance),
            "propagated": text.format_error(judged.propagated),
            "ratio": text.format_ratio(row.propagated_ratio),
            "ratioTolerance": text.format_ratio(row.propagated_tolerance),
        },
        "clip": row.clip,
    }


def _finding(anchor: str, finding: Finding) -> JsonDict:
    """Where a finding is; what it says stands in the page itself."""
    is_of_a_key = finding.config_keys and not finding.target_module
    return {
        "anchor": anchor,
        "module": None if is_of_a_key else finding.target_module,
        "parameters": list(finding.target_parameters),
    }


def _clip(clip: ClipPicture) -> JsonDict:
    return {
        "name": clip.name,
        "duration": clip.duration_s,
        "envelope": _encode(clip.envelope),
        "spectrogram": _encode(clip.spectrogram),
        "audio": _encode(clip.audio),
        "prefix": list(clip.prefix),
        "layers": [
            {"path": t.name, "errors": _encode(t.errors), "tolerance": t.tolerance}
            for t in clip.layers
        ],
    }


def _pair(pair: PairPicture) -> JsonDict:
    histogram, worst = pair.histogram, pair.worst
    return {
        "path": pair.target,
        "clip": pair.clip,
        "along": pair.along,
        "positions": pair.positions,
        "isolated": _encode(pair.isolated),
        "propagated": _encode(pair.propagated),
        "propagatedError": text.format_error(pair.propagated_error),
        "histogram": histogram
        and {
            "zero": histogram.zero,
            "bins": list(histogram.bins),
            "notFinite": histogram.not_finite,
        },
        "expected": _encode(pair.expected),
        "actual": _encode(pair.actual),
        "sampleScale": number(pair.sample_scale),
        "worst": worst
        and {
            "index": list(worst.index),
            "expected": text.format_number(worst.expected),
            "actual": text.format_number(worst.actual),
        },
    }


def _tensors_by_owner(
    modules: set[str], tensors: Sequence[TensorPicture]
) -> dict[str, list[JsonDict]]:
    """The tensors of each compared module that owns some: of the nearest one above the tensor."""
    owned: dict[str, list[JsonDict]] = {}
    for tensor in tensors:
        owner = tensor.name
        while owner and owner not in modules:
            owner = owner.rpartition(".")[0]
        owned.setdefault(owner, []).append(_tensor(tensor))
    return owned


def _tensor(tensor: TensorPicture) -> JsonDict:
    return {
        "name": tensor.name,
        "shape": text.format_shape(tensor.shape),
        "dtype": tensor.dtype,
        "source": tensor.source,
        "rule": text.show_controls(tensor.rule),
        "holds": text.show_controls(tensor.holds),
        "trials": [
            {"name": t.name, "error": text.format_error(t.error), "value": number(t.error)}
            for t in tensor.trials
        ],
    }


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def number(value: float | None) -> float | None:
    """A number that JSON can hold: 1e300 for infinity and NaN, which are as bad as it gets."""
    if value is None or math.isfinite(value):
        return value
    return 1e300


def count_states(rows: Sequence[JsonObject]) -> dict[str, int]:
    """How many rows are in each state."""
    counts = {"fail": 0, "above": 0, "tail": 0, "pass": 0, "uncompared": 0}
    for row in rows:
        counts[row["state"]] += 1
    return counts
