"""Every kind of XMTransformer that fairseq builds here converts exactly, or is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.variants import MORE_CLEAN, VARIANTS, Variant, build_variant, readme_table
from toolkit import BadInput, convert, diff
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


CLEAN = (*(v for v in VARIANTS if v.refused is None), *MORE_CLEAN)


def test_there_are_thirty_clean_conversions() -> None:
    assert len(CLEAN) >= 30


@pytest.mark.parametrize("variant", CLEAN, ids=lambda variant: variant.name)
def test_diff_finds_nothing_in_a_clean_conversion(
    variant: Variant, golden_checkpoint: Path, tmp_path: Path
) -> None:
    with quiet_fairseq():
        checkpoint = build_variant(variant, golden_checkpoint.parent, tmp_path)
    convert(checkpoint, tmp_path / "out", verify=False)
    result = diff(checkpoint, tmp_path / "out")
    assert result.findings == ()
    assert result.verdict == "match"


def test_the_readme_shows_this_table() -> None:
    assert readme_table() in README.read_text(encoding="utf-8")
