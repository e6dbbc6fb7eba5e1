"""What comes out for a variant that is converted, proven, diffed, broken and diffed again."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path

from tests.breaking import scale
from tests.variants.building import build_variant
from tests.variants.kinds import Variant
from toolkit import BadInput, convert, diff
from toolkit.audio import golden_folder
from toolkit.bundled import PARTS, TOKENIZATION
from toolkit.oracle.mends.conformer import mended_conformer
from toolkit.oracle.quiet import quiet_fairseq


@dataclass(frozen=True, kw_only=True)
class Examination:
    """What came out for one variant."""

    ended: str
    """As `Variant.ends`, or the verdict where it does not match."""
    deviations: tuple[str, ...]
    failed: tuple[str, ...]
    """Measures of the proof that fail."""
    clean_findings: tuple[str, ...]
    """What diff says of the conversion."""
    blamed: str | None
    """The module that diff names first once `Variant.broken` is broken."""
    logits: float
    padded: float
    """Differences relative to the largest logit, of single clips and of a padded batch."""

    def row(self, variant: Variant) -> str:
        """One line of `make variants`."""
        known = ", ".join(self.deviations) or "none"
        blame = "blamed right" if self.blamed == variant.broken else f"blames {self.blamed}"
        numbers = f"logits {self.logits:.1e}  padded {self.padded:.1e}"
        return f"{variant.name:52} {self.ended:14} {numbers}  deviations: {known}; {blame}"


def examine(variant: Variant, folder: Path) -> Examination:
    """Builds, converts, proves, diffs, breaks and diffs again.

    Args:
        variant: What to examine.
        folder: An empty folder.
    """
    golden = golden_folder()
    audio = [golden / name for name in ("ru_2.flac", "tiny.flac")]
    with quiet_fairseq(), mended_conformer():
        checkpoint = build_variant(variant, golden / "checkpoint", folder)
    out = folder / "out"
    try:
        proof = convert(checkpoint, out, verify=True, audio=audio, **variant.options)
    except BadInput as refusal:
        name = re.search(r"not: `([^`]+)`", str(refusal))
        return _refused(f"refused: {name[1] if name else refusal}")
    measures = {level.name: level.measures for level in proof.levels}
    failed = [m.name for level in proof.levels for m in level.measures if m.verdict == "fail"]
    kinds = {"bundled exact": PARTS, "native exact, bundled tokenizer": TOKENIZATION}
    carried = (kind for kind, file in kinds.items() if (out / file.name).exists())
    exact = next(carried, "native exact")
    if proof.verdict != "match":
        return replace(_refused(proof.verdict), failed=tuple(failed))
    clean = diff(checkpoint, out, audio=audio, **variant.options)
    scale(f"{variant.broken}.weight", 1.5)(out)
    (first, *_) = diff(checkpoint, out, audio=audio, **variant.options).findings or (None,)
    return Examination(
        ended=exact,
        deviations=tuple(d.name for d in proof.deviations),
        failed=tuple(failed),
        clean_findings=tuple(finding.summary for finding in clean.findings),
        blamed=None if first is None else first.target_module,
        logits=measures["logits"][1].error,
        padded=measures["padding"][0].error,
    )


def _refused(ended: str) -> Examination:
    return Examination(
        ended=ended,
        deviations=(),
        failed=(),
        clean_findings=(),
        blamed=None,
        logits=math.nan,
        padded=math.nan,
    )
