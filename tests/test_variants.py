"""Every kind of XMTransformer that fairseq builds here converts exactly, or is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.variants import VARIANTS, Variant, build_variant, readme_table
from toolkit import BadInput, convert
from toolkit.pipeline.reference import quiet_fairseq

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_a_variant_is_exact_or_refused(
    variant: Variant, golden_checkpoint: Path, tmp_path: Path
) -> None:
    audio = [golden_checkpoint.parents[1] / name for name in ("ru_2.flac", "tiny.flac")]
    with quiet_fairseq():
        checkpoint = build_variant(variant, golden_checkpoint.parent, tmp_path)
    out = tmp_path / "out"
    if variant.refused is not None:
        with pytest.raises(BadInput, match=f"`{variant.refused}`"):
            convert(checkpoint, out, verify=True, audio=audio)
        assert not out.exists()
        return
    result = convert(checkpoint, out, verify=True, audio=audio)
    failed = [m for level in result.levels for m in level.measures if m.verdict == "fail"]
    assert (result.verdict, failed, result.findings) == ("match", [], ())
    assert out.is_dir()


def test_the_readme_shows_this_table() -> None:
    assert readme_table() in README.read_text(encoding="utf-8")
