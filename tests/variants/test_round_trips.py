"""Every kind that converts comes back: convert, export like the first, and no tensor differs."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from pathlib import Path

import pytest
import torch

from tests.sampling import slow, wide
from tests.variants.building import build_variant
from tests.variants.ctc_building import build_ctc
from tests.variants.ctc_kinds import CtcVariant
from tests.variants.kinds import Variant
from tests.variants.mel_kinds import MelVariant
from tests.variants.pretraining_building import build_pretraining
from tests.variants.pretraining_kinds import PretrainingVariant
from tests.variants.readme import TABLES
from tests.variants.s2t_building import build_s2t
from tests.variants.s2t_kinds import S2TVariant
from tests.variants.text_building import build_text
from tests.variants.text_kinds import TextVariant
from tests.variants.vocoder_building import build_mel_vocoder, build_vocoder
from tests.variants.vocoder_kinds import VocoderVariant
from toolkit import BadInput, convert, export
from toolkit.audio import golden_folder
from toolkit.checkpoint import Checkpoint, open_checkpoint
from toolkit.checkpoint.wrappers import unwrap
from toolkit.oracle.mends.conformer import mended_conformer
from toolkit.oracle.quiet import quiet_fairseq

MADE = ("exact_padding", "dtype")
"""What a conversion is told of the folder, which then says it itself."""
PAPERS = {"README.md", "verification.json"}
"""What names the checkpoint by its hash."""
ENDS = ("native exact", "stock exact", "bundled exact", "stock exact, bundled tokenizer")


SHARE = 6
"""Of so many kinds of a table `make test-wide` takes one, and `make test-slow` the others."""


def kinds(tables: Collection[str] = tuple(TABLES)) -> list[object]:
    return [
        (slow if place % SHARE else wide)(variant, id=f"{table}: {variant.name}")
        for table in tables
        for place, variant in enumerate(v for v in TABLES[table] if "refused" not in v.ends)
    ]


def build(variant: object, folder: Path) -> Path:
    folder.mkdir()
    with quiet_fairseq(), mended_conformer():
        if isinstance(variant, Variant):
            return build_variant(variant, golden_folder() / "checkpoint", folder)
        if isinstance(variant, CtcVariant):
            return build_ctc(variant, folder).path
        built = next(make for kind, make in BUILDERS.items() if isinstance(variant, kind))
        return built(variant, folder)


BUILDERS: dict[type, Callable[..., Path]] = {
    S2TVariant: build_s2t,
    TextVariant: build_text,
    VocoderVariant: build_vocoder,
    MelVariant: build_mel_vocoder,
    PretrainingVariant: build_pretraining,
}


def differing(found: Path, expected: Path) -> list[str]:
    """Tensors that differ, of what fairseq makes of both: one dtype, no wrappers."""
    ours, theirs = (read(path) for path in (found, expected))
    assert list(ours.tensors) == list(theirs.tensors)
    return [name for name in ours.tensors if not ours.load(name).equal(theirs.load(name))]


def read(path: Path) -> Checkpoint:
    return unwrap(open_checkpoint(path)).in_one_dtype()


@pytest.mark.parametrize("variant", kinds())
def test_no_tensor_differs_after_there_and_back(variant: object, tmp_path: Path) -> None:
    options = getattr(variant, "options", {})
    like = build(variant, tmp_path / "like")
    convert(like, tmp_path / "hf", verify=False, **options)
    (tmp_path / "back").mkdir()
    back = tmp_path / "back" / "model.pt"
    asked = {name: value for name, value in options.items() if name not in MADE}
    export(tmp_path / "hf", back, like=like, verify=False, **asked)
    assert differing(back, like) == []
    convert(back, tmp_path / "again", verify=False, **options)
    assert changed(tmp_path / "again", tmp_path / "hf") == []


ALONE = ("wav2vec2_ctc", "wav2vec2_ctc, data2vec", "hubert_ctc", "wav2vec2_pretraining")
"""Tables of which folders tell themselves how they were."""


@pytest.mark.parametrize("variant", kinds(ALONE))
def test_a_folder_that_tells_itself_comes_again_or_asks_for_a_checkpoint(
    variant: object, tmp_path: Path
) -> None:
    convert(build(variant, tmp_path / "like"), tmp_path / "hf", verify=False)
    (tmp_path / "back").mkdir()
    back = tmp_path / "back" / "model.pt"
    name = str(getattr(variant, "name", ""))
    if "conformer" in name or "adapters" in name:
        with pytest.raises(BadInput, match="with `--like`"):
            export(tmp_path / "hf", back, verify=False)
        return
    export(tmp_path / "hf", back, verify=False)
    assert torch.load(back, weights_only=True)["args"] is None
    convert(back, tmp_path / "again", verify=False)
    assert changed(tmp_path / "again", tmp_path / "hf") == []


def changed(found: Path, expected: Path) -> list[str]:
    """Files of a folder that are other ones, but for what names the checkpoint."""
    names = {*os.listdir(expected), *os.listdir(found)} - PAPERS
    files = [name for name in names if not (found / name).is_dir()]
    return [n for n in files if (found / n).read_bytes() != (expected / n).read_bytes()]
